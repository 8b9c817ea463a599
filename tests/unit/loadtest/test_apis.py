"""Requests made from metadata are what the format's document says, for every kind of input."""

import json

import pytest

from modelport.loadtest.apis import APIS
from modelport.loadtest.errors import LoadtestError, UsageError


def v1(signature="serving_default", method="tensorflow/serving/predict", **inputs):
    return {
        "metadata": {
            "signature_def": {
                "signature_def": {
                    signature: {
                        "inputs": {
                            name: {"dtype": dtype, "tensor_shape": {"dim": [{"size": str(size)} for size in dims]}}
                            for name, (dtype, *dims) in inputs.items()
                        },
                        "method_name": method,
                    }
                }
            }
        }
    }


def v2(**inputs):
    return {"inputs": [{"name": n, "datatype": d, "shape": dims} for n, (d, *dims) in inputs.items()]}


CASES = {
    "one input of scalar rows": (
        "tensorflow-serving",
        v1(x=("DT_FLOAT", -1)),
        3,
        {"instances": [1.0, 2.0, 5.0]},
    ),
    "one input of nested rows": (
        "tensorflow-serving",
        v1(x=("DT_INT64", -1, 2, 2)),
        1,
        {"instances": [[[0, 1], [0, 1]]]},
    ),
    "several inputs": (
        "tensorflow-serving",
        v1(tag=("DT_STRING", -1), on=("DT_BOOL", -1, 2)),
        2,
        {"instances": [{"tag": "modelport", "on": [True, False]}, {"tag": "text", "on": [True, False]}]},
    ),
    "a free dimension within a row": (
        "tensorflow-serving",
        v1(x=("DT_HALF", -1, -1)),
        1,
        {"instances": [[1.0]]},
    ),
    "an input without rows is sent in columns": (
        "tensorflow-serving",
        v1(x=("DT_DOUBLE", -1), y=("DT_UINT8", 2), z=("DT_FLOAT",)),
        1,
        {"inputs": {"x": [1.0], "y": [0, 1], "z": 1.0}},
    ),
    "another signature than the default": (
        "tensorflow-serving",
        v1(signature="named", x=("DT_FLOAT", -1)),
        1,
        {"signature_name": "named", "instances": [1.0]},
    ),
    "open-inference": (
        "open-inference",
        v2(x=("FP32", -1, 2), s=("BYTES", -1)),
        2,
        {
            "inputs": [
                {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1.0, 2.0, 5.0, 0.5]},
                {"name": "s", "shape": [2], "datatype": "BYTES", "data": ["modelport", "text"]},
            ]
        },
    ),
}


@pytest.mark.parametrize(("api", "metadata", "rows", "request_"), CASES.values(), ids=CASES)
def test_request_made_from_metadata(api, metadata, rows, request_):
    assert json.loads(APIS[api].body(metadata, rows)) == request_


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("metadata", [None, [], {}, {"inputs": 3, "metadata": {"signature_def": 1}}, {"error": "no"}])
def test_anything_else_is_not_the_metadata_of_a_model(api, metadata):
    with pytest.raises(LoadtestError, match=f"not the {api} metadata"):
        APIS[api].body(metadata, 1)


def test_rows_for_a_model_without_rows_are_wrong_use():
    with pytest.raises(UsageError, match="--batch 2: input 'x' of this model has no dimension for rows"):
        APIS["open-inference"].body(v2(x=("FP32", 3)), 2)


def test_more_elements_than_memory_are_wrong_use():
    with pytest.raises(UsageError, match="60000000 elements, above 50000000"):
        APIS["open-inference"].body(v2(x=("FP32", -1, 6_000_000)), 10)


def test_a_type_without_values_asks_for_a_body():
    with pytest.raises(LoadtestError, match="input 'x' of type COMPLEX64; give a request with --body"):
        APIS["open-inference"].body(v2(x=("COMPLEX64", -1)), 1)


def test_a_model_that_only_classifies_asks_for_a_body():
    with pytest.raises(LoadtestError, match=r"none of the model's signatures \(serving_default\) predicts"):
        APIS["tensorflow-serving"].body(v1(method="tensorflow/serving/classify", x=("DT_STRING", -1)), 1)


@pytest.mark.parametrize(
    ("api", "path", "parts"),
    [
        ("tensorflow-serving", "/v1/models/m:predict", ("", "m")),
        ("tensorflow-serving", "/v1/models/m/versions/2:predict", ("", "m/versions/2")),
        ("tensorflow-serving", "/vision/m/v1/models/m/labels/stable:predict", ("/vision/m", "m/labels/stable")),
        ("tensorflow-serving", "/v1/models/m", None),
        ("tensorflow-serving", "/v1/models/m:classify", None),
        ("open-inference", "/v2/models/m/infer", ("", "m")),
        ("open-inference", "/v2/models/m/versions/1/infer", ("", "m/versions/1")),
        ("open-inference", "/v2/models/m/ready", None),
    ],
)
def test_a_path_that_predicts_is_known_by_its_form(api, path, parts):
    assert APIS[api].match(path) == parts
