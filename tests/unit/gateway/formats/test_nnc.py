"""What nnc refuses, and with which words; what no body can make it do; what it says of itself.

Whole exchanges are recorded in `tests/contract/nnc`.
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
from modelport.gateway.errors import BadRequest, GatewayError, InternalError, NotFound
from modelport.gateway.formats.base import Call, Model
from modelport.gateway.formats.nnc import Nnc
from modelport.gateway.tensors import DTYPES, InferRequest, InferResult, ModelMeta, TensorSpec

FORMAT = Nnc()


def png(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (1, 2, 3)).save(file, "PNG")
    return base64.encodebytes(file.getvalue()).decode()


def model(*inputs: TensorSpec, execution: str = "Dedicated", **blocks: Any) -> Model:
    spec = {"model": {"format": "ONNX", "source": {"uri": "file:m"}}, "execution": {"type": execution}, **blocks}
    outputs = {"y": TensorSpec("y", "FP32", (-1, 2))}
    meta = ModelMeta("m", 1, "onnx", 8, {each.name: each for each in inputs}, outputs)
    return Model("m", PublishedModelSpec.model_validate(spec, strict=False), (), meta)


X1 = TensorSpec("x1", "UINT8", (-1, 4, 4, 3))
X2 = TensorSpec("x2", "FP32", (-1, 2))
FLAG = TensorSpec("flag", "BOOL", (-1,), optional=True)
IO = {"inputs": [{"name": "x1", "kind": "Image", "image": {"layout": "NHWC"}}]}
MODEL = model(X1, X2, FLAG, io=IO)
VECTOR = model(X2)
SOUND = model(TensorSpec("x", "INT16", (-1, -1, 1)), io={"inputs": [{"name": "x", "kind": "Audio"}]})


def call(body: str | bytes, execution: str = "dedicated") -> Call:
    path = f"/v1/{execution}/classifiers/m/inference"
    route = next(route for route in FORMAT.routes if execution in route.path)
    return Call("POST", path, route, {"model": "m"}, body=body if isinstance(body, bytes) else body.encode())


def body(*inputs: Any, **others: Any) -> str:
    return json.dumps({"inputs": list(inputs), **others})


GOOD_X1 = {"name": "x1", "type": "png", "data": png(4, 4)}
GOOD_X2 = {"name": "x2", "type": "vector", "data": [1, 2]}
TAKES = "the model takes 'x1', 'x2', 'flag'"
IMAGES = "'png', 'jpg', 'jpeg', 'gif', 'bmp', 'tif', 'tiff', 'dcm'"

BAD: dict[str, tuple[Model, str, str]] = {
    "a list as the body": (VECTOR, "[]", "body: expected a JSON object, got a list"),
    "no inputs": (VECTOR, "{}", "inputs: expected a list of objects, got null"),
    "an executor of another name": (
        VECTOR,
        body(GOOD_X2, executor="Trainer"),
        'executor: expected "Executor", got the string "Trainer"',
    ),
    "an executor that is no string": (VECTOR, body(GOOD_X2, executor=[]), 'executor: expected "Executor", got a list'),
    "an input that is no object": (VECTOR, body(1), "inputs[0]: expected an object, got the number 1"),
    "an input without a name": (VECTOR, body({"type": "vector"}), "inputs[0].name: expected a string, got null"),
    "an input whose type is no string": (
        VECTOR,
        body({"name": "x2", "type": 1}),
        "inputs[0].type: expected a string, got the number 1",
    ),
    "an input without data": (
        VECTOR,
        body({"name": "x2", "type": "vector"}),
        "inputs[0].data: the member is missing",
    ),
    "an unknown name": (
        MODEL,
        body(GOOD_X2, {**GOOD_X1, "name": "x3"}),
        f'inputs[1].name: no such input "x3", {TAKES}',
    ),
    "a missing name": (MODEL, body(GOOD_X2), f'inputs: "x1" is missing, {TAKES}'),
    "a doubled name": (
        MODEL,
        body(GOOD_X2, GOOD_X1, GOOD_X2),
        f'inputs[2].name: "x2" is given in inputs[0] too; {TAKES}, each once',
    ),
    "a vector for a picture": (
        MODEL,
        body({"name": "x1", "type": "vector", "data": [1]}, GOOD_X2),
        f'inputs[0].type: expected {IMAGES} for the input "x1", got "vector"',
    ),
    "a picture for a vector": (
        VECTOR,
        body({"name": "x2", "type": "png", "data": ""}),
        'inputs[0].type: expected \'vector\' for the input "x2", got "png"',
    ),
    "a picture for a sound": (
        SOUND,
        body({"name": "x", "type": "png", "data": ""}),
        'inputs[0].type: expected \'wav\' for the input "x", got "png"',
    ),
    "a type of no document": (
        MODEL,
        body({"name": "x1", "type": "webp", "data": ""}, GOOD_X2),
        f'inputs[0].type: expected {IMAGES} for the input "x1", got "webp"',
    ),
    "a vector that is too long": (
        VECTOR,
        body({**GOOD_X2, "data": [1, 2, 3]}),
        "inputs[0].data: expected shape [2], got [3]",
    ),
    "a vector with the batch dimension": (
        VECTOR,
        body({**GOOD_X2, "data": [[1, 2]]}),
        "inputs[0].data: expected shape [2], got [1, 2]",
    ),
    "a bare number": (VECTOR, body({**GOOD_X2, "data": 1}), "inputs[0].data: expected shape [2], got []"),
    "null in a vector": (
        VECTOR,
        body({**GOOD_X2, "data": [1, None]}),
        "inputs[0].data[1]: expected a number (FP32), got null",
    ),
    "NaN in a vector": (VECTOR, body({**GOOD_X2, "data": [1, float("nan")]}), "the body is not JSON: NaN is not a"),
    "a flat list for a nested shape": (
        model(TensorSpec("x2", "FP32", (-1, 2, 2))),
        body({**GOOD_X2, "data": [1, 2, 3, 4]}),
        "inputs[0].data: expected shape [2, 2], got [4]",
    ),
    "a picture as a list": (
        MODEL,
        body({**GOOD_X1, "data": [1, 2]}, GOOD_X2),
        'inputs[0].data: expected base64 text of type "png", got a list',
    ),
    "a picture that is no base64": (MODEL, body({**GOOD_X1, "data": "~"}, GOOD_X2), "inputs[0].data: not valid base64"),
    "a picture of another type": (
        MODEL,
        body({**GOOD_X1, "type": "jpg"}, GOOD_X2),
        "inputs[0].data: declared as jpg, but the file is PNG",
    ),
    "a picture cut short": (
        MODEL,
        body({**GOOD_X1, "data": GOOD_X1["data"][:60]}, GOOD_X2),
        "inputs[0].data: the PNG file cannot be read",
    ),
    "a picture of another size": (
        MODEL,
        body({**GOOD_X1, "data": png(5, 4)}, GOOD_X2),
        "inputs[0].data: expected a picture of 4 x 4 pixels, got 5 x 4",
    ),
    "a sound that is none": (
        SOUND,
        body({"name": "x", "type": "wav", "data": png(1, 1)}),
        "inputs[0].data: ",
    ),
    "a picture above the limit": (
        model(X1, io=IO, limits={"pixels": 15}),
        body(GOOD_X1),
        "inputs[0].data: a picture of 4 x 4 pixels, more than 15",
    ),
    "a vector above the limit": (
        model(X2, limits={"tensorElements": 1}),
        body(GOOD_X2),
        "inputs[0].data: more than 1 elements",
    ),
    "nesting beyond the limit": (
        model(X2, limits={"depth": 3}),
        body(GOOD_X2, note=[[[[[[]]]]]]),
        "the body is nested deeper than 5 ",
    ),
}


@pytest.mark.parametrize(("served", "sent", "message"), BAD.values(), ids=BAD)
def test_refuses(served: Model, sent: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FORMAT.decode(call(sent), served)
    assert str(caught.value).startswith(message)


def test_types_in_capitals_and_members_of_no_meaning_are_taken() -> None:
    request = FORMAT.decode(call(body({**GOOD_X1, "type": "PNG", "note": 1}, GOOD_X2, other=1)), MODEL)
    assert request.inputs["x1"].shape == (1, 4, 4, 3)
    assert request.inputs["x2"].tolist() == [[1, 2]]


def test_an_optional_input_may_be_given() -> None:
    flag = {"name": "flag", "type": "vector", "data": [True]}
    assert FORMAT.decode(call(body(flag, GOOD_X1, GOOD_X2)), MODEL).inputs["flag"].tolist() == [True]


@pytest.mark.parametrize(("own", "other"), [("Serverless", "Dedicated"), ("Dedicated", "Serverless")])
def test_the_address_of_the_other_type_names_the_models_own_whatever_the_body(own: str, other: str) -> None:
    with pytest.raises(NotFound, match=f"its address is /v1/{own.lower()}/classifiers/m/inference"):
        FORMAT.decode(call(b"no JSON", other.lower()), model(X2, execution=own))


@pytest.mark.parametrize("shape", [(), (2,), (2, 2), (0, 2)])
def test_an_answer_that_is_not_one_row_is_the_models_fault(shape: tuple[int, ...]) -> None:
    asked = call(body(GOOD_X2))
    result = InferResult({"y": np.zeros(shape, np.float32)}, 1)
    with pytest.raises(InternalError, match="y: the model answered one input with shape"):
        FORMAT.encode(result, FORMAT.decode(asked, VECTOR), asked, VECTOR)


ERRORS = {
    "BadRequest": [
        errors.BadRequest("x"),
        errors.MethodNotAllowed("x", ("POST",)),
        errors.UnsupportedEncoding("x"),
        errors.Forbidden("x"),
    ],
    "Unauthorized": [errors.Unauthorized("x")],
    "NotFound": [errors.NotFound("x"), errors.ModelNotFound("m")],
    "TooLarge": [errors.BodyTooLarge("x")],
    "Unavailable": [errors.RateLimited("x"), errors.Unavailable("x"), errors.QueueFull("x")],
    "Timeout": [errors.DeadlineExceeded("x")],
    "InternalServerError": [errors.InternalError("x"), errors.BadUpstream("x")],
}


@pytest.mark.parametrize(
    ("code", "error"), [(code, error) for code, each in ERRORS.items() for error in each], ids=lambda it: str(type(it))
)
def test_every_error_keeps_its_status_and_has_a_word(code: str, error: GatewayError) -> None:
    reply = FORMAT.encode_error(error, call(b""))
    assert reply.status == error.status
    assert json.loads(reply.body) == {"error": code, "message": error.message}


@pytest.mark.parametrize("served", [MODEL, VECTOR, SOUND, model(X1, io=IO, execution="Serverless")])
def test_openapi_is_valid_and_has_the_address_of_the_models_type(served: Model) -> None:
    paths = FORMAT.openapi(served)
    validate({"openapi": "3.1.0", "info": {"title": "models", "version": "1"}, "paths": paths})
    (path,) = paths
    assert path == f"/v1/{served.spec.execution.type.lower()}/classifiers/m/inference"
    assert ('"dcm"' in json.dumps(paths)) is (served is MODEL)


NAMES = st.sampled_from(["executor", "inputs", "name", "type", "data", "x1", "x2"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["x1", "x2", "vector", "png", "wav", "dcm", "Executor", "YQ==", GOOD_X1["data"]]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
INPUT = st.fixed_dictionaries({"name": VALUES, "type": VALUES, "data": VALUES}) | st.sampled_from([GOOD_X1, GOOD_X2])
BODIES = (
    st.dictionaries(NAMES, VALUES, max_size=4) | st.fixed_dictionaries({"inputs": st.lists(INPUT, max_size=4)})
).map(lambda value: json.dumps(value).encode())
VALID = body(GOOD_X1, GOOD_X2, executor="Executor").encode()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    changed = bytearray(VALID)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(changed)))
        end = min(len(changed), start + draw(st.integers(0, 3)))
        changed[start:end] = draw(st.binary(max_size=2) | st.sampled_from([b"[", b"]", b"{", b'"', b",", b"A", b"-1"]))
    return bytes(changed)


def check_fits(request: InferRequest, served: Model) -> None:
    assert {name for name, spec in served.meta.inputs.items() if not spec.optional} <= request.inputs.keys()
    for name, array in request.inputs.items():
        spec = served.meta.inputs[name]
        assert array.dtype == DTYPES[spec.dtype]
        assert fits(array.shape, spec.shape)
        assert len(array) == 1


@given(st.sampled_from([MODEL, VECTOR, SOUND]), BODIES | mutated())
def test_any_body_is_tensors_that_fit_or_a_bad_request(served: Model, sent: bytes) -> None:
    try:
        request = FORMAT.decode(call(sent), served)
    except BadRequest as error:
        reply = FORMAT.encode_error(error, call(sent))
        assert reply.status == 400
        return
    check_fits(request, served)
