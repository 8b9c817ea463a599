"""What the recorded exchanges cannot show of `open-inference`:

- every data type survives both ways of writing it, as bytes and as JSON, whatever its shape and values;
- no body and no header length, however broken, ends in anything but a GatewayError of 400 or a valid request;
- what goes to Triton beside the tensors, and that large tensors are not copied on their way in;
- the OpenAPI description is valid and accepts what the format accepts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import openapi_spec_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jsonschema import Draft202012Validator

from modelport.api import PublishedModelSpec
from modelport.gateway.codecs.raw import HEADER_LENGTH
from modelport.gateway.codecs.shapes import fits
from modelport.gateway.errors import GatewayError
from modelport.gateway.formats.base import Call, Model, Operation, Route
from modelport.gateway.formats.open_inference import OpenInference
from modelport.gateway.openapi import build_openapi
from modelport.gateway.tensors import ANY, DTYPES, Array, InferRequest, InferResult, ModelMeta, TensorSpec

FORMAT = OpenInference()
INFER = Route("POST", "/v2/models/{model}/infer", Operation.INFER)


def build_model(inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec] | None = None) -> Model:
    spec = {"model": {"name": "m", "format": "ONNX", "source": {"uri": "file:m"}}}
    meta = ModelMeta("m", 1, "onnx", 0, inputs, inputs if outputs is None else outputs)
    return Model("m", PublishedModelSpec.model_validate(spec, strict=False), (), meta)


def build_call(body: bytes, header: int | str | None = None) -> Call:
    headers = {} if header is None else {HEADER_LENGTH.lower(): str(header)}
    return Call("POST", "/v2/models/m/infer", INFER, {"model": "m"}, headers=headers, body=body)


def echo(array: Array, dtype: str, *, binary: bool) -> Array:
    """Let the array be an answer of the model, and that answer, word by word, the next request; return what arrives."""
    specs = {"x": TensorSpec("x", dtype, (ANY,) * array.ndim)}
    model = build_model(specs)
    outputs = [{"name": "x", "parameters": {"binary_data": binary}}]
    empty = {"name": "x", "datatype": dtype, "shape": [0] * array.ndim, "data": []}
    if array.ndim:
        asked = FORMAT.decode(build_call(json.dumps({"inputs": [empty], "outputs": outputs}).encode()), model)
    else:
        body = json.dumps({"inputs": [{**empty, "data": [zero(dtype)]}], "outputs": outputs}).encode()
        asked = FORMAT.decode(build_call(body), model)
    reply = FORMAT.encode(InferResult({"x": array}, 1), asked, build_call(b""), model)
    assert (HEADER_LENGTH in reply.headers) is binary
    body = reply.body.replace(b'"outputs"', b'"inputs"', 1)
    header = int(reply.headers[HEADER_LENGTH]) - 1 if binary else None
    return FORMAT.decode(build_call(body, header), model).inputs["x"]


def zero(dtype: str) -> Any:
    return {"b": False, "O": ""}.get(DTYPES[dtype].kind, 0)


def arrays(dtype: str, text: bool) -> st.SearchStrategy[Array]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    kind = DTYPES[dtype]
    if kind.kind == "O":
        elements = st.text().map(str.encode) if text else st.binary(max_size=9)
        return hnp.arrays(kind, shapes, elements=elements, fill=st.nothing())
    if dtype == "BF16":
        return hnp.arrays(np.uint16, shapes).map(lambda bits: bits.view(kind))
    return hnp.arrays(kind, shapes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("binary", [True, False], ids=["as bytes", "as JSON"])
@settings(max_examples=25)
@given(data=st.data())
def test_every_data_type_survives(dtype: str, binary: bool, data: st.DataObject) -> None:
    array = data.draw(arrays(dtype, text=not binary))
    arrived = echo(array, dtype, binary=binary)
    assert arrived.dtype == DTYPES[dtype]
    if dtype == "BF16":  # whose NaN numpy's comparison does not know
        arrived, array = arrived.astype(np.float32), array.astype(np.float32)
    np.testing.assert_array_equal(arrived, array)


TEXT = TensorSpec("text", "BYTES", (ANY, 2))
NUMBER = TensorSpec("number", "FP32", (ANY,))
FLAG = TensorSpec("flag", "BOOL", (1,), optional=True)
MIXED = {spec.name: spec for spec in (TEXT, NUMBER, FLAG)}

loose = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["text", "number"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
sizes = st.integers(-1, 9) | st.sampled_from([2**31, 2**63, 2**70])


def near(known: Any) -> st.SearchStrategy[Any]:
    """Mostly what is right here, now and then anything."""
    return st.one_of(st.just(known), st.just(known), loose)


tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([*MIXED]) | loose,
        "datatype": st.sampled_from([*DTYPES]) | loose,
        "shape": st.lists(sizes, max_size=3) | loose,
        "data": st.lists(st.floats() | st.text(max_size=2) | st.booleans(), max_size=5) | loose,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": sizes | loose}) | loose,
    },
)
outputs = st.fixed_dictionaries(
    {"name": st.sampled_from([*MIXED]) | loose},
    optional={"parameters": st.fixed_dictionaries({}, optional={"binary_data": near(True), "classification": sizes})},
)
bodies = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=4) | loose},
    optional={
        "id": near("a"),
        "outputs": st.lists(outputs, max_size=3) | loose,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_output", "sequence_id", "x"]), sizes | loose),
    },
)


def decode_or_refuse(call: Call) -> InferRequest | None:
    """Decode, and hold a success to what the middle is promised; a failure is a sentence with a 4xx."""
    refusal: GatewayError | None = None
    try:
        request = FORMAT.decode(call, build_model(MIXED))
    except GatewayError as error:
        refusal = error
    if refusal is not None:
        assert refusal.status == 400
        assert len(refusal.message) < 500
        assert json.loads(FORMAT.encode_error(refusal, call).body) == {"error": refusal.message}
        return None
    assert {"text", "number"} <= request.inputs.keys() <= MIXED.keys()
    for name, array in request.inputs.items():
        assert array.dtype == DTYPES[MIXED[name].dtype]
        assert fits(array.shape, MIXED[name].shape)
    return request


@given(body=bodies, tail=st.binary(max_size=40), header=st.none() | st.integers(-2, 400))
def test_a_body_of_the_right_kind_is_read_or_refused(body: Any, tail: bytes, header: int | None) -> None:
    text = json.dumps(body).encode()
    decode_or_refuse(build_call(text + tail, len(text) if header is None else header))


@given(body=st.binary(max_size=200), header=st.none() | st.integers(-2, 220) | st.text(max_size=5))
def test_any_bytes_are_read_or_refused(body: bytes, header: int | str | None) -> None:
    decode_or_refuse(build_call(body, header))


@given(data=st.binary(max_size=60), rows=st.integers(0, 5))
def test_any_bytes_behind_the_object_are_read_or_refused(data: bytes, rows: int) -> None:
    text = {"name": "text", "datatype": "BYTES", "shape": [rows, 2], "parameters": {"binary_data_size": len(data)}}
    number = {"name": "number", "datatype": "FP32", "shape": [0], "data": []}
    body = json.dumps({"inputs": [text, number]}).encode()
    request = decode_or_refuse(build_call(body + data, len(body)))
    if request is not None:
        lengths = sum(4 + len(each) for each in request.inputs["text"].reshape(-1))
        assert lengths == len(data)


@pytest.mark.parametrize("header", ["", " 1", "+1", "1.0", "٣", "0x1", "9" * 19])
def test_a_header_length_is_digits(header: str) -> None:
    with pytest.raises(GatewayError, match=HEADER_LENGTH):
        FORMAT.decode(build_call(b"{}" * 10, header), build_model(MIXED))


def test_an_optional_input_may_be_left_out() -> None:
    body = {
        "inputs": [
            {"name": "number", "datatype": "FP32", "shape": [1], "data": [1]},
            {"name": "text", "datatype": "BYTES", "shape": [0, 2], "data": []},
        ]
    }
    assert [*FORMAT.decode(build_call(json.dumps(body).encode()), build_model(MIXED)).inputs] == ["number", "text"]


def test_triton_is_told_of_classification_and_of_the_id_and_not_of_the_wire() -> None:
    body = {
        "id": "7",
        "parameters": {"binary_data_output": True, "mine": 1},
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}],
        "outputs": [
            {"name": "y", "parameters": {"classification": 3, "binary_data": False}},
            {"name": "x", "parameters": {"classification": 0}},
        ],
    }
    x, y = TensorSpec("x", "FP32", (ANY,)), TensorSpec("y", "FP32", (ANY,))
    request = FORMAT.decode(build_call(json.dumps(body).encode()), build_model({"x": x}, {"x": x, "y": y}))
    assert request.id == "7"
    assert request.parameters == {"mine": 1}
    assert request.outputs == ("y", "x")
    assert request.output_parameters == {"y": {"classification": 3}}


def test_a_binary_tensor_is_a_view_of_the_body() -> None:
    head = b'{"inputs":[{"name":"x","datatype":"FP64","shape":[1000],"parameters":{"binary_data_size":8000}}]}'
    body = head + bytes(8000)
    request = FORMAT.decode(build_call(body, len(head)), build_model({"x": TensorSpec("x", "FP64", (ANY,))}))
    assert np.shares_memory(request.inputs["x"], np.frombuffer(body, np.uint8))
    assert not request.inputs["x"].flags.writeable


def test_what_triton_says_beside_the_tensors_is_passed_on() -> None:
    model = build_model({"x": NUMBER})
    body = b'{"id":"a","inputs":[{"name":"x","datatype":"FP32","shape":[0],"data":[]}]}'
    call = build_call(body)
    result = InferResult({"x": np.array([], np.float32)}, 4, {"sequence_id": 9, "last": True})
    reply = FORMAT.encode(result, FORMAT.decode(call, model), call, model)
    assert json.loads(reply.body) == {
        "id": "a",
        "model_name": "m",
        "model_version": "4",
        "parameters": {"sequence_id": 9, "last": True},
        "outputs": [{"name": "x", "datatype": "FP32", "shape": [0], "data": []}],
    }


DESCRIBED = build_model({"x": TensorSpec("x", "INT8", (ANY, 2)), "flag": FLAG}, {"y": NUMBER})


X = {"name": "x", "datatype": "INT8", "shape": [1, 2]}
BODIES: Mapping[str, tuple[Any, bool]] = {
    "flat data": ({"inputs": [{**X, "data": [1, 2]}]}, True),
    "nested data": ({"inputs": [{**X, "data": [[1, 2]]}]}, True),
    "binary data": ({"inputs": [{**X, "parameters": {"binary_data_size": 2}}]}, True),
    "an optional input and an output": (
        {
            "inputs": [{**X, "data": [1, 2]}, {"name": "flag", "datatype": "BOOL", "shape": [1], "data": [True]}],
            "outputs": [{"name": "y", "parameters": {"classification": 2}}],
        },
        True,
    ),
    "no inputs": ({"inputs": []}, False),
    "another name": ({"inputs": [{**X, "name": "z", "data": [1, 2]}]}, False),
    "another data type": ({"inputs": [{**X, "datatype": "INT16", "data": [1, 2]}]}, False),
    "another rank": ({"inputs": [{**X, "shape": [2], "data": [1, 2]}]}, False),
    "another size": ({"inputs": [{**X, "shape": [1, 3], "data": [1, 2, 3]}]}, False),
    "a value out of range": ({"inputs": [{**X, "data": [1, 200]}]}, False),
    "an unknown output": ({"inputs": [{**X, "data": [1, 2]}], "outputs": [{"name": "x"}]}, False),
}


@pytest.mark.parametrize(("body", "valid"), BODIES.values(), ids=BODIES)
def test_the_description_fits_the_model(body: Any, valid: bool) -> None:
    described = FORMAT.openapi(DESCRIBED)["/v2/models/m/infer"]["post"]["requestBody"]["content"]["application/json"]
    assert Draft202012Validator(described["schema"]).is_valid(body) is valid


def test_the_description_is_openapi_with_one_or_several_models() -> None:
    other = replace(DESCRIBED, name="other", meta=replace(DESCRIBED.meta, name="other"))
    openapi_spec_validator.validate(build_openapi([(DESCRIBED, [FORMAT])]))
    openapi_spec_validator.validate(build_openapi([(DESCRIBED, [FORMAT]), (other, [FORMAT])]))


def test_the_description_names_every_address_that_is_served() -> None:
    described = {(method.upper(), path) for path, item in FORMAT.openapi(DESCRIBED).items() for method in item}
    served = {route for route in FORMAT.routes if route.operation is not Operation.REFUSED}
    assert described == {(route.method, route.path.replace("{model}", "m")) for route in served}
