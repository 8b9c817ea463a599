"""A request's address and body, and its answer, format by format."""

from __future__ import annotations

import base64
import io
import json
import math

import ml_dtypes
import numpy as np
import pytest

from modelport.client import FORMATS, AzureMl, InvalidCall, Nexus, Nnc, OpenInference, PredictionOne, TensorFlowServing
from modelport.client.formats.base import Answer, Served
from modelport.gateway.formats import FORMATS as SPOKEN

PNG = b"\x89PNG\r\n\x1a\nrest"
PNG_64 = "iVBORw0KGgpyZXN0"
HEADERS = {"X-Model-Version": "3", "X-Model-Digest": "sha256:ab", "X-Request-Id": "r1"}


def sent(request):
    return json.loads(request.encode().data)


def in_base64(text):
    return base64.b64encode(text.encode()).decode()


def answered(request, value):
    return request.decode(Answer(json.dumps(value).encode(), HEADERS))


def test_the_formats_are_those_that_the_gateway_speaks():
    assert FORMATS.keys() == SPOKEN.keys()


@pytest.mark.parametrize(
    ("request_", "address"),
    [
        (TensorFlowServing(instances=[1]), "/v1/models/a%2Fb:predict"),
        (TensorFlowServing(instances=[1], version=2), "/v1/models/a%2Fb/versions/2:predict"),
        (TensorFlowServing(instances=[1], label="canary"), "/v1/models/a%2Fb/labels/canary:predict"),
        (OpenInference({}), "/v2/models/a%2Fb/infer"),
        (OpenInference({}, version=2), "/v2/models/a%2Fb/versions/2/infer"),
        (Nnc({}), "/v1/dedicated/classifiers/a%2Fb/inference"),
        (Nnc({}, execution="Serverless"), "/v1/serverless/classifiers/a%2Fb/inference"),
        (AzureMl([]), "/api/v1/service/a%2Fb/score"),
        (Nexus(PNG), "/a%2Fb/predict"),
        (PredictionOne(b"a"), "/v1/external/models/a%2Fb/inference"),
        (Nexus(PNG, coco=True), "/a%2Fb/predict?format=coco"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_addresses(request_, address):
    assert request_.address("a/b") == address


class TestTensorFlowServing:
    def test_rows_are_instances_and_bytes_are_b64(self):
        request = TensorFlowServing(instances=[{"x": np.float32(0.5), "s": b"\0\xff"}], signature_name="named")
        assert sent(request) == {"signature_name": "named", "instances": [{"x": 0.5, "s": {"b64": "AP8="}}]}

    def test_arrays_keep_every_digit(self):
        assert sent(TensorFlowServing(inputs=np.array([2**64 - 1], np.uint64))) == {"inputs": [2**64 - 1]}

    def test_rows_are_answered_by_predictions_and_columns_by_outputs(self):
        assert answered(TensorFlowServing(instances=[1]), {"predictions": [2.5]}).values == [2.5]
        assert answered(TensorFlowServing(inputs=[1]), {"outputs": {"y": [1]}}).values == {"y": [1]}

    def test_bare_constants_are_read(self):
        values = TensorFlowServing(instances=[1]).decode(Answer(b'{"predictions": [NaN, -Infinity]}')).values
        assert math.isnan(values[0])
        assert values[1] == -math.inf

    def test_who_answered_is_told(self):
        assert answered(TensorFlowServing(instances=[1]), {"predictions": []}).served == Served("3", "sha256:ab", "r1")

    def test_what_json_cannot_hold_is_refused(self):
        with pytest.raises(InvalidCall, match="got complex"):
            TensorFlowServing(instances=[1j]).encode()

    @pytest.mark.parametrize("fields", [{}, {"instances": [1], "inputs": [1]}])
    def test_rows_or_columns_but_not_both(self, fields):
        with pytest.raises(InvalidCall, match="exactly one"):
            TensorFlowServing(**fields).encode()

    def test_a_version_or_a_label_but_not_both(self):
        with pytest.raises(InvalidCall, match="version and label"):
            TensorFlowServing(instances=[1], version=1, label="a").address("m")


class TestOpenInference:
    @pytest.mark.parametrize(
        ("array", "datatype"),
        [
            (np.array([[True, False]]), "BOOL"),
            (np.arange(4, dtype=np.uint8).reshape(2, 2), "UINT8"),
            (np.array([-(2**63), 2**63 - 1]), "INT64"),
            (np.array([0.1, np.nan, -np.inf], np.float32), "FP32"),
            (np.array([0.5], np.float16), "FP16"),
            (np.array([1.5], ml_dtypes.bfloat16), "BF16"),
            (np.arange(6.0).reshape(2, 3).T, "FP64"),
            (np.array([1, 2], ">i4"), "INT32"),
            (np.array(7, np.int32), "INT32"),
            (np.array([b"", b"\0a", b"\xff"], object), "BYTES"),
            (np.empty((0, 2), np.float32), "FP32"),
        ],
        ids=lambda each: each if isinstance(each, str) else "",
    )
    def test_what_is_sent_comes_back_the_same(self, array, datatype):
        body = OpenInference({"x": array}).encode()
        end = int(body.headers["Inference-Header-Content-Length"])
        (tensor,) = json.loads(body.data[:end])["inputs"]
        assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("x", datatype, list(array.shape))
        header = json.dumps({"outputs": [tensor]}).encode()
        answer = Answer(header + body.data[end:], {"Inference-Header-Content-Length": str(len(header))})
        back = OpenInference({}).decode(answer).outputs["x"]
        np.testing.assert_array_equal(back, array)

    def test_texts_are_bytes(self):
        body = OpenInference({"x": ["é", "a"]}).encode()
        assert body.data.endswith(b"\x02\0\0\0\xc3\xa9\x01\0\0\0a")

    def test_outputs_wanted_are_named(self):
        body = OpenInference({}, outputs=["y"]).encode()
        assert json.loads(body.data)["outputs"] == [{"name": "y"}]

    def test_a_string_keeps_its_last_nul(self):
        assert OpenInference({"x": [b"a\0"]}).encode().data.endswith(b"\x02\0\0\0a\0")

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (np.array([1j]), "an array of complex128"),
            ([[1], [1, 2]], "expected lists of one length"),
            (np.array([1], object), "expected str or bytes in an array of objects, got int"),
        ],
    )
    def test_what_the_protocol_cannot_hold_is_refused(self, value, words):
        with pytest.raises(InvalidCall, match=rf"inputs\.x: {words}"):
            OpenInference({"x": value}).encode()

    def test_a_string_that_ends_behind_the_answer_is_none_of_this_format(self):
        header = {"name": "y", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}
        text = json.dumps({"outputs": [header]}).encode()
        answer = Answer(text + b"\x09\0\0\0a", {"Inference-Header-Content-Length": str(len(text))})
        with pytest.raises(ValueError, match="ends behind"):
            OpenInference({}).decode(answer)


class TestNnc:
    def test_a_picture_and_a_vector(self, tmp_path):
        (tmp_path / "picture").write_bytes(PNG)
        request = Nnc({"x1": tmp_path / "picture", "x2": np.array([0.25], np.float32)})
        assert sent(request) == {
            "executor": "Executor",
            "inputs": [
                {"name": "x1", "type": "png", "data": PNG_64},
                {"name": "x2", "type": "vector", "data": [0.25]},
            ],
        }

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"\xff\xd8\xff\xe0", "jpg"),
            (b"GIF89a", "gif"),
            (b"BM12", "bmp"),
            (b"II*\0", "tif"),
            (b"MM\0*", "tif"),
            (bytes(128) + b"DICM", "dcm"),
            (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        ],
        ids=lambda each: each if isinstance(each, str) else "",
    )
    def test_the_type_is_told_by_the_bytes(self, data, kind):
        assert sent(Nnc({"x": io.BytesIO(data)}))["inputs"][0]["type"] == kind

    def test_other_files_are_refused(self):
        with pytest.raises(InvalidCall, match=r"inputs\.x: the file begins like none of png"):
            Nnc({"x": b"%PDF"}).encode()

    def test_the_answer_by_layers(self):
        value = {"outputs": [{"name": "y", "type": "vector", "shape": [2], "data": [0.5, None]}]}
        layer = answered(Nnc({}), value).outputs["y"]
        assert (layer.shape, layer.data) == ((2,), [0.5, None])


class TestAzureMl:
    def test_pictures_share_the_parameters(self):
        request = AzureMl([PNG, io.BytesIO(PNG)], {"add_softmax": True})
        assert sent(request) == [{"image_in_base64": PNG_64, "parameters": {"add_softmax": True}}] * 2

    def test_scores_of_each_picture(self):
        scores = answered(AzureMl([PNG, PNG]), [[0.25, 1], [None, 0]]).scores
        assert scores[0] == (0.25, 1.0)
        assert math.isnan(scores[1][0])

    def test_another_number_of_pictures_is_none_of_this_format(self):
        with pytest.raises(ValueError, match="not one list"):
            answered(AzureMl([PNG]), [])


class TestNexus:
    def test_a_file(self):
        assert sent(Nexus(PNG)) == {"image_type": "base64", "data": PNG_64}

    def test_an_address(self):
        assert sent(Nexus("https://a.example/b.png")) == {"image_type": "url", "data": "https://a.example/b.png"}

    def test_pixels_and_routines(self):
        routine = {"name": "FilterConfidence", "confidence": 0.5}
        request = Nexus(np.zeros((1, 2, 3), np.uint8), [routine])
        assert sent(request) == {"image_type": "array", "data": [[[0] * 3] * 2], "routines": [routine]}

    def test_predictions(self):
        bound = [[0, 0], [0, 1], [1, 1], [1, 0]]
        value = {
            "predictions": [
                {"annotationId": 0, "bound": bound, "confidence": 0.5, "tag": {"id": 1, "name": "cat"}},
                {"confidence": 0.25, "tag": {"id": 0, "name": "dog"}},
            ],
            "histogram": {},
        }
        found = answered(Nexus(PNG), value)
        cat, dog = found.predictions
        assert (cat.tag, cat.tag_id, cat.confidence, cat.bound[1]) == ("cat", 1, 0.5, (0, 1))
        assert (dog.tag, dog.bound, dog.contour) == ("dog", (), ())
        assert found.answer["histogram"] == {}

    def test_coco_is_left_as_it_is(self):
        found = answered(Nexus(PNG, coco=True), {"annotations": []})
        assert (found.predictions, found.answer) == ((), {"annotations": []})


def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(InvalidCall, match=r"cannot read '/nowhere/a\.png': No such file"):
        AzureMl(["/nowhere/a.png"]).encode()


class TestPredictionOne:
    ANSWER = "row,kind,probability_x\r\n1,x,0.75\r\n2,,\r\n"

    def test_rows_become_csv_with_the_first_rows_columns(self):
        rows = [{"a": np.float32(0.1), "b": 'say "hi", you'}, {"b": None, "a": math.nan}, {}]
        request = PredictionOne(rows)
        assert sent(request) == {
            "inputs": [
                {"name": "pr", "type": "csv", "data": in_base64('a,b\r\n0.1,"say ""hi"", you"\r\nnan,\r\n,\r\n')}
            ]
        }

    def test_a_file_is_sent_as_it_is_with_the_wishes_beside(self, tmp_path):
        (tmp_path / "table.csv").write_bytes(b"a\n1\n")
        request = PredictionOne(
            tmp_path / "table.csv", reasons=True, inputs=True, probabilities=False, row_numbers=False, heading="kind"
        )
        assert sent(request)["inputs"] == [
            {"name": "pr", "type": "csv", "data": in_base64("a\n1\n")},
            *({"name": name, "type": "boolean", "data": True} for name in ("ar", "ad", "nc", "nr")),
            {"name": "pc", "type": "string", "data": "kind"},
        ]

    def test_the_answer_is_read_by_column(self):
        outputs = [{"name": "prediction", "type": "csv", "data": in_base64(self.ANSWER)}]
        answer = answered(PredictionOne(b"a"), {"outputs": outputs})
        assert answer.rows == (
            {"row": "1", "kind": "x", "probability_x": "0.75"},
            {"row": "2", "kind": "", "probability_x": ""},
        )
        assert (answer.csv, answer.reasons, answer.served) == (self.ANSWER, (), Served("3", "sha256:ab", "r1"))

    def test_reasons_are_read_likewise(self):
        tables = {"prediction": "prediction\r\nx\r\n", "prediction_analysis": "a,b\r\n0.5,-1.0\r\n"}
        outputs = [{"name": name, "type": "csv", "data": in_base64(text)} for name, text in tables.items()]
        assert answered(PredictionOne(b"a"), {"outputs": outputs}).reasons == ({"a": "0.5", "b": "-1.0"},)

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ([], "expected one or more rows"),
            ([{}], "expected one or more rows"),
            ([{"a": 1}, {"c": 2}], "expected no other columns than those of the first row"),
        ],
    )
    def test_what_is_no_table_is_refused(self, table, words):
        with pytest.raises(InvalidCall, match=words):
            PredictionOne(table).encode()
