"""What azureml refuses, and with which words; what no body can make it do; what it says of itself.

Whole exchanges are recorded in `tests/contract/azureml`.
"""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate
from PIL import Image

from modelport.api import PublishedModelSpec
from modelport.gateway import errors
from modelport.gateway.codecs.shapes import fits
from modelport.gateway.errors import BadRequest, GatewayError, InternalError
from modelport.gateway.formats.azureml import AzureMl
from modelport.gateway.formats.azureml.reply import softmax
from modelport.gateway.formats.base import Call, Model, Reply
from modelport.gateway.tensors import DTYPES, InferResult, ModelMeta, TensorSpec

FORMAT = AzureMl()


def png(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (1, 2, 3)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def model(
    shape: tuple[int, ...] = (-1, 3, 4, 4), *, batch: int = 8, declared: tuple[str, ...] = ("x",), **blocks: Any
) -> Model:
    spec = {
        "model": {"format": "ONNX", "source": {"uri": "file:m"}},
        "io": {"task": "ImageClassification", "inputs": [{"name": name, "kind": "Image"} for name in declared]},
        **blocks,
    }
    inputs, outputs = {"x": TensorSpec("x", "FP32", shape)}, {"y": TensorSpec("y", "FP32", (-1, 2))}
    meta = ModelMeta("m", 1, "onnx", batch, inputs, outputs)
    return Model("m", PublishedModelSpec.model_validate(spec, strict=False), ("a", "b"), meta)


MODEL = model()
ANY_SIZE = model((-1, 3, -1, -1))
ONE_BY_ONE = model((1, 3, 4, 4), batch=0)


def call(body: Any) -> Call:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call("POST", "/api/v1/service/m/score", FORMAT.routes[0], {"model": "m"}, body=sent)


def picture(width: int = 4, height: int = 4, **parameters: Any) -> dict[str, Any]:
    return {"image_in_base64": png(width, height), "parameters": parameters}


KNOWN = "'add_softmax', 'ADD_SOFTMAX', 'image_resize_dims'"
BAD: dict[str, tuple[Model, Any, str]] = {
    "a body that is neither": (MODEL, "x", 'body: expected a list of objects, got the string "x"'),
    "an entry that is no object": (MODEL, [picture(), 1], "[1]: expected an object, got the number 1"),
    "no picture": (MODEL, [{}], "[0].image_in_base64: expected a picture in base64, got null"),
    "no picture in one object": (MODEL, {}, "image_in_base64: expected a picture in base64, got null"),
    "no base64": (MODEL, [{"image_in_base64": "b'~'"}], "[0].image_in_base64: not valid base64 (4 characters)"),
    "no picture in the base64": (
        MODEL,
        [picture(), {"image_in_base64": "YQ=="}],
        "[1].image_in_base64: expected a picture in PNG, JPEG, GIF, BMP, TIFF or DICOM, got 1 bytes",
    ),
    "another size": (MODEL, picture(5, 4), "image_in_base64: expected a picture of 4 x 4 pixels, got 5 x 4"),
    "parameters that are no object": (
        MODEL,
        {**picture(), "parameters": []},
        "parameters: expected an object, got a list",
    ),
    "an unknown parameter": (
        MODEL,
        [picture(top=1)],
        f"[0].parameters.top: no such parameter, there are {KNOWN}",
    ),
    "a softmax that is no bool": (
        MODEL,
        [picture(add_softmax="True")],
        '[0].parameters.add_softmax: expected true or false, got the string "True"',
    ),
    "softmax by both names": (
        MODEL,
        [picture(add_softmax=True, ADD_SOFTMAX=True)],
        "[0].parameters: add_softmax and ADD_SOFTMAX are the same parameter, give one of them",
    ),
    "a size of one side": (
        MODEL,
        [picture(image_resize_dims=[4])],
        "[0].parameters.image_resize_dims: expected a list of width and height, got a list of 1",
    ),
    "a size that is no list": (
        MODEL,
        [picture(image_resize_dims=4)],
        "[0].parameters.image_resize_dims: expected a list of width and height, got the number 4",
    ),
    "a side of no pixels": (
        MODEL,
        [picture(image_resize_dims=[4, 0])],
        "[0].parameters.image_resize_dims[1]: expected pixels from 1 to 16384, got the number 0",
    ),
    "a side that is a bool": (
        MODEL,
        [picture(image_resize_dims=[True, 4])],
        "[0].parameters.image_resize_dims[0]: expected pixels from 1 to 16384, got true",
    ),
    "a size beyond the limit on pixels": (
        MODEL,
        [picture(image_resize_dims=[16384, 16384])],
        "[0].parameters.image_resize_dims: a picture of 16384 x 16384 pixels, more than 50000000 in all",
    ),
    "a picture beyond the limit on pixels": (
        model(limits={"pixels": 15}),
        [picture()],
        "[0].image_in_base64: a picture of 4 x 4 pixels, more than 15",
    ),
    "more pictures than the limit on elements allows": (
        model(limits={"tensorElements": 95}),
        [picture(), picture()],
        "body: 2 pictures make a tensor of more than 95 elements",
    ),
    "pictures of several sizes for a model of any size": (
        ANY_SIZE,
        [picture(), picture(5, 4)],
        "[1].image_in_base64: expected a tensor of shape [3, 4, 4] as of [0], got [3, 4, 5]",
    ),
    "several pictures for a model that does not batch": (
        ONE_BY_ONE,
        [picture(), picture()],
        "body: the model takes one picture at a time, got 2",
    ),
    "no picture for a model that does not batch": (
        ONE_BY_ONE,
        [],
        "body: the model takes one picture at a time, got 0",
    ),
    "bad JSON": (MODEL, b"[NaN]", "the body is not JSON: NaN is not a number in JSON"),
}


@pytest.mark.parametrize(("served", "body", "message"), BAD.values(), ids=BAD)
def test_refuses(served: Model, body: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FORMAT.decode(call(body), served)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("served", [model(declared=()), model(declared=("x", "z")), model(declared=("z",))])
def test_a_model_without_one_input_for_pictures_is_its_publishers_fault(served: Model) -> None:
    with pytest.raises(InternalError, match=r"spec\.io\.inputs: pictures need one input of kind Image"):
        FORMAT.decode(call([picture()]), served)


def answer(served: Model, body: Any, scores: Any, dtype: str = "FP32") -> Reply:
    request = FORMAT.decode(call(body), served)
    return FORMAT.encode(InferResult({"y": np.array(scores, DTYPES[dtype])}, 1), request, call(body), served)


def test_each_picture_is_a_row_and_has_parameters_of_its_own() -> None:
    body = [picture(), picture(2, 2, image_resize_dims=[4, 4], add_softmax=True), {"image_in_base64": png(4, 4)}]
    assert FORMAT.decode(call(body), MODEL).inputs["x"].shape == (3, 3, 4, 4)
    reply = answer(MODEL, body, [[1, 2], [0, 0], [3, 4]])
    assert json.loads(reply.body) == [[1, 2], [0.5, 0.5], [3, 4]]


@pytest.mark.parametrize("body", [picture(), [picture()]], ids=["one object", "a list of one"])
@pytest.mark.parametrize("served", [MODEL, ONE_BY_ONE], ids=["of a model that batches", "of one that does not"])
def test_the_answer_is_a_list_of_lists(served: Model, body: Any) -> None:
    assert json.loads(answer(served, body, [[1, 2]]).body) == [[1, 2]]


def test_a_parameter_of_null_is_none() -> None:
    body = [{"image_in_base64": png(4, 4), "parameters": None}, picture(image_resize_dims=None)]
    assert json.loads(answer(MODEL, body, [[1, 2], [3, 4]]).body) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("scores", "dtype", "expected"),
    [
        ([0, 0], "FP16", [0.5, 0.5]),
        ([1e30, 0], "FP32", [1, 0]),
        ([-1e30, -1e30], "FP64", [0.5, 0.5]),
        ([7, 7], "INT64", [0.5, 0.5]),
        ([-np.inf, 0], "FP32", [0, 1]),
        ([np.inf, 0], "FP32", [None, None]),
        ([np.nan, 0], "FP32", [None, None]),
    ],
)
def test_softmax_holds_for_any_scores(scores: Any, dtype: str, expected: Any) -> None:
    assert json.loads(answer(MODEL, [picture(add_softmax=True)], [scores], dtype).body) == [expected]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_softmax_is_shares_in_the_order_of_the_scores(scores: list[float]) -> None:
    shares = softmax(np.array(scores, np.float32))
    assert shares.dtype == np.float32
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(shares[np.argsort(scores)]) >= 0).all()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadRequest("x"), "BadRequest"),
        (errors.Unauthorized("x"), "Unauthorized"),
        (errors.ModelNotFound("m"), "NotFound"),
        (errors.MethodNotAllowed("x", ("POST",)), "BadRequest"),
        (errors.BodyTooLarge("x"), "TooLarge"),
        (errors.QueueFull("x"), "Unavailable"),
        (errors.DeadlineExceeded("x"), "Timeout"),
        (errors.BadUpstream("x"), "InternalServerError"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_every_error_keeps_its_status_and_has_a_code(error: GatewayError, code: str) -> None:
    reply = FORMAT.encode_error(error, call([]))
    assert reply.status == error.status
    assert json.loads(reply.body) == {"error": {"code": code, "message": error.message}}


@pytest.mark.parametrize("served", [MODEL, ONE_BY_ONE])
def test_openapi_is_valid_and_speaks_of_this_model(served: Model) -> None:
    paths = FORMAT.openapi(served)
    validate({"openapi": "3.1.0", "info": {"title": "models", "version": "1"}, "paths": paths})
    assert list(paths) == ["/api/v1/service/m/score"]
    assert "Scores of the classes a, b for each picture" in json.dumps(paths)


NAMES = st.sampled_from(["image_in_base64", "parameters", "add_softmax", "ADD_SOFTMAX", "image_resize_dims", "x"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 20)
    | st.floats()
    | st.sampled_from([png(4, 4), f"b'{png(4, 4)}'", png(2, 3), "YQ=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
SIDES = st.lists(st.sampled_from([4, 4, 4, 0, 5]), min_size=2, max_size=2)
PARAMETERS = st.fixed_dictionaries({}, optional={"add_softmax": st.booleans(), "image_resize_dims": SIDES}) | VALUES
PICTURES = st.fixed_dictionaries({"image_in_base64": st.sampled_from([png(4, 4), png(2, 3)]), "parameters": PARAMETERS})


@given(st.sampled_from([MODEL, ANY_SIZE, ONE_BY_ONE]), VALUES | st.lists(PICTURES | VALUES, max_size=3))
def test_any_body_is_rows_that_fit_or_a_bad_request(served: Model, body: Any) -> None:
    try:
        request = FORMAT.decode(call(body), served)
    except BadRequest as error:
        reply = FORMAT.encode_error(error, call(body))
        assert reply.status == 400
        return
    (array,) = request.inputs.values()
    assert array.dtype == np.float32
    assert len(array) == (len(body) if isinstance(body, list) else 1)
    assert len(array) == 0 or fits(array.shape, served.meta.inputs["x"].shape)
