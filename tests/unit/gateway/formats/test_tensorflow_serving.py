"""What tensorflow-serving refuses, and with which words; what no body can make it do; what it says of itself.

Whole exchanges are recorded in `tests/contract/tensorflow-serving`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from modelport.api import PublishedModelSpec
from modelport.gateway.codecs.shapes import fits
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.formats import registry
from modelport.gateway.formats.base import Call, Model, Route
from modelport.gateway.formats.tensorflow_serving import TensorFlowServing
from modelport.gateway.tensors import DTYPES, InferRequest, InferResult, ModelMeta, TensorSpec

FORMAT = TensorFlowServing()
SIGNATURES: list[dict[str, Any]] = [
    {"name": "rename", "inputs": {"values": "x"}, "outputs": {"sum": "y"}},
    {
        "name": "class",
        "method": "Classify",
        "inputs": {"x": "x"},
        "outputs": {"scores": "y"},
        "defaults": {"x": [1, 2]},
    },
    {"name": "regress", "method": "Regress", "inputs": {"x": "x"}},
    {"name": "broken", "inputs": {"x": "z"}},
]


def model(inputs: dict[str, TensorSpec], **limits: int) -> Model:
    spec = PublishedModelSpec.model_validate(
        {
            "model": {
                "name": "m",
                "format": "ONNX",
                "source": {"uri": "file:m"},
                "versions": {"labels": {"stable": 3}},
            },
            "io": {"signatures": SIGNATURES},
            "limits": limits,
        },
        strict=False,
    )
    outputs = {"y": TensorSpec("y", "FP32", (-1, 2))}
    return Model("m", spec, ("a", "b"), ModelMeta("m", 3, "onnx", 8, inputs, outputs))


ONE = model({"x": TensorSpec("x", "FP32", (-1, 2))})
TWO = model(
    {
        "x": TensorSpec("x", "INT64", (-1, 2)),
        "text": TensorSpec("text", "BYTES", (-1,)),
        "flag": TensorSpec("flag", "BOOL", (-1,), optional=True),
    }
)


def call(verb: str, body: bytes | str) -> Call:
    path = f"/v1/models/m:{verb}"
    route = next(route for route in FORMAT.routes if route.path == f"/v1/models/{{model}}:{verb}")
    return Call("POST", path, route, {"model": "m"}, body=body if isinstance(body, bytes) else body.encode())


BAD: dict[str, tuple[str, Model, str, str]] = {
    "a list as the body": ("predict", ONE, "[]", "body: expected a JSON object, got a list"),
    "neither rows nor columns": ("predict", ONE, "{}", "body: expected either 'instances' or 'inputs', got neither"),
    "both": (
        "predict",
        ONE,
        '{"instances": [], "inputs": []}',
        "body: expected either 'instances' or 'inputs', got both",
    ),
    "no instance": (
        "predict",
        ONE,
        '{"instances": []}',
        "instances: expected at least one instance, got an empty list",
    ),
    "instances that are no list": ("predict", ONE, '{"instances": 1}', "instances: expected a list, got the number 1"),
    "objects and values mixed": (
        "predict",
        ONE,
        '{"instances": [{"x": [1, 2]}, [1, 2]]}',
        "instances[1]: expected an object as in instances[0], got a list",
    ),
    "values and objects mixed": (
        "predict",
        ONE,
        '{"instances": [[1, 2], {"x": [1, 2]}]}',
        "instances[1]: expected a value or a list as in instances[0], got an object",
    ),
    "plain rows for several inputs": (
        "predict",
        TWO,
        '{"instances": [1]}',
        "instances: expected named inputs, got plain values; the model takes 'x', 'text'",
    ),
    "plain columns for several inputs": (
        "predict",
        TWO,
        '{"inputs": {"b64": ""}}',
        "inputs: expected named inputs, got plain values; the model takes 'x', 'text'",
    ),
    "a row without an input": (
        "predict",
        TWO,
        '{"instances": [{"x": [1, 2], "text": ""}, {"x": [1, 2]}]}',
        "instances[1].text: the input is missing",
    ),
    "columns without an input": ("predict", TWO, '{"inputs": {"x": [[1, 2]]}}', "inputs.text: the input is missing"),
    "a row with an unknown input": (
        "predict",
        ONE,
        '{"instances": [{"x": [1, 2], "z": 1}]}',
        "instances[0].z: no such input, the model takes 'x'",
    ),
    "an optional input in some rows": (
        "predict",
        TWO,
        '{"instances": [{"x": [1, 2], "text": ""}, {"x": [1, 2], "text": "", "flag": true}]}',
        "instances[1].flag: given here and not in instances[0]; give it in all or in none",
    ),
    "a float for an integer in a row": (
        "predict",
        TWO,
        '{"instances": [{"x": [1, 2], "text": ""}, {"x": [1, 1e3], "text": ""}]}',
        "instances[1].x[1]: expected an integer (INT64), got the number 1000.0",
    ),
    "a quoted constant": (
        "predict",
        ONE,
        '{"inputs": [["NaN", 1]]}',
        "inputs[0][0]: expected a number (FP32), got the",
    ),
    "a row of another shape": ("predict", ONE, '{"instances": [[1]]}', "instances: expected shape [?, 2], got [1, 1]"),
    "a named row of another shape": (
        "predict",
        ONE,
        '{"instances": [{"x": 1}]}',
        "instances[*].x: expected shape [?, 2], got [1]",
    ),
    "a signature's name of another kind": (
        "predict",
        ONE,
        '{"signature_name": null, "inputs": 1}',
        "signature_name: expected a string, got null",
    ),
    "an unknown signature": (
        "predict",
        ONE,
        '{"signature_name": "x", "inputs": 1}',
        "signature_name: there is no \"x\", known: 'serving_default', 'rename', 'class', 'regress', 'broken'",
    ),
    "a signature of another method": (
        "classify",
        ONE,
        '{"signature_name": "regress", "examples": [{}]}',
        'signature_name: "regress" has the method Regress, call :regress instead of :classify',
    ),
    "no examples": ("regress", ONE, '{"signature_name": "regress"}', "body: expected 'examples', a list of objects"),
    "an empty list of examples": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": []}',
        "examples: expected at least one example, got an empty list",
    ),
    "examples that are no list": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": {}}',
        "examples: expected a list of objects, got an object",
    ),
    "an example that is no object": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{"x": [1, 2]}, 1]}',
        "examples[1]: expected an object, got the number 1",
    ),
    "a context that is no object": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{}], "context": []}',
        "context: expected an object, got a list",
    ),
    "a feature in context and example": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{"x": [1, 2]}], "context": {"x": [1, 2]}}',
        "examples[0].x: the feature stands in 'context' too",
    ),
    "a feature without a default": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{}]}',
        "examples[0].x: the feature is missing and has no default",
    ),
    "a feature of mixed kinds": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{"x": [1, "a"]}]}',
        'examples[0].x[1]: expected a number (FP32), got the string "a"',
    ),
    "a feature of another length": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{"x": [1, 2, 3]}]}',
        "examples[*].x: expected shape [?, 2], got [1, 3]",
    ),
    "a context of another length": (
        "regress",
        ONE,
        '{"signature_name": "regress", "examples": [{}, {}], "context": {"x": 1}}',
        "context.x: expected shape [?, 2], got [2, 1]",
    ),
}


@pytest.mark.parametrize(("verb", "served", "body", "message"), BAD.values(), ids=BAD)
def test_refuses(verb: str, served: Model, body: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FORMAT.decode(call(verb, body), served)
    assert str(caught.value).startswith(message)


def test_a_signature_renames_both_ways() -> None:
    asked = call("predict", '{"signature_name": "rename", "instances": [{"values": [1, 2]}]}')
    request = FORMAT.decode(asked, ONE)
    assert request.inputs["x"].tolist() == [[1, 2]]
    reply = FORMAT.encode(InferResult({"y": np.ones((1, 2), np.float32)}, 3), request, asked, ONE)
    assert json.loads(reply.body) == {"predictions": [[1, 1]]}


def test_a_signature_with_tensors_that_the_model_lacks_is_the_publishers_fault() -> None:
    with pytest.raises(InternalError, match=r"spec\.io\.signatures\[broken\]\.inputs: the model has no tensor 'z'"):
        FORMAT.decode(call("predict", '{"signature_name": "broken", "inputs": 1}'), ONE)


def test_an_optional_input_may_be_left_out() -> None:
    request = FORMAT.decode(call("predict", '{"inputs": {"x": [[1, 2]], "text": ["a"], "unknown": {}}}'), TWO)
    assert set(request.inputs) == {"x", "text"}


def test_empty_columns_have_no_rows() -> None:
    vector = model({"x": TensorSpec("x", "FP32", (-1,))})
    assert FORMAT.decode(call("predict", '{"inputs": []}'), vector).inputs["x"].shape == (0,)


def test_labels_of_the_model_name_its_classes() -> None:
    asked = call("classify", '{"signature_name": "class", "examples": [{}]}')
    request = FORMAT.decode(asked, ONE)
    reply = FORMAT.encode(InferResult({"y": np.array([[0.5, 0.1]], np.float16)}, 3), request, asked, ONE)
    assert reply.body.decode() == '{\n    "results": [[["a", 0.5], ["b", 0.1]]]\n}'


@pytest.mark.parametrize("shape", [(2,), (1, 3), (1, 1, 1)])
def test_values_that_do_not_fit_the_examples_are_the_publishers_fault(shape: tuple[int, ...]) -> None:
    asked = call("regress", '{"signature_name": "regress", "examples": [{"x": [1, 2]}]}')
    request = FORMAT.decode(asked, ONE)
    with pytest.raises(InternalError, match="for 1 examples, expected"):
        FORMAT.encode(InferResult({"y": np.zeros(shape, np.float32)}, 3), request, asked, ONE)


def test_limits_are_the_models() -> None:
    tight = model({"x": TensorSpec("x", "FP32", (-1, 2))}, depth=2, tensorElements=4)
    assert FORMAT.decode(call("predict", '{"inputs": [[1, 2], [3, 4]]}'), tight).inputs["x"].size == 4
    with pytest.raises(BadRequest, match="inputs: more than 4 elements"):
        FORMAT.decode(call("predict", '{"inputs": [[1, 2], [3, 4], [5, 6]]}'), tight)
    with pytest.raises(BadRequest, match="nested deeper than 4 "):
        FORMAT.decode(call("predict", '{"inputs": [[1, 2]], "other": [[[[]]]]}'), tight)
    body = {"signature_name": "regress", "examples": [{}] * 3, "context": {"x": [1, 2]}}
    with pytest.raises(BadRequest, match=r"context\.x: more than 4 elements"):
        FORMAT.decode(call("regress", json.dumps(body)), tight)


def test_two_formats_of_one_name_are_a_bug() -> None:
    with pytest.raises(ValueError, match="two formats are named tensorflow-serving"):
        registry(FORMAT, TensorFlowServing())


def test_every_route_has_the_formats_prefix() -> None:
    assert all(isinstance(route, Route) and route.path.startswith(FORMAT.prefixes[0]) for route in FORMAT.routes)


def test_openapi_is_valid_and_speaks_of_this_model() -> None:
    good = model(dict(TWO.meta.inputs))
    io = good.spec.io.model_copy(update={"signatures": good.spec.io.signatures[:3]})
    good = Model(good.name, good.spec.model_copy(update={"io": io}), good.labels, good.meta)
    paths = FORMAT.openapi(good)
    validate({"openapi": "3.1.0", "info": {"title": "models", "version": "1"}, "paths": paths})
    assert {path.removeprefix("/v1/models/m") for path in paths} == {
        f"{version}{rest}"
        for version in ("", "/versions/{version}", "/labels/{label}")
        for rest in ("", "/metadata", ":predict", ":classify", ":regress")
    }
    assert set(paths["/v1/models/m:predict"]["post"]["responses"]) == {
        "200", "400", "401", "404", "405", "413", "415", "429", "500", "502", "503", "504",
    }  # fmt: skip
    text = json.dumps(paths)
    assert '"minimum": -9223372036854775808' in text
    assert '"enum": ["stable"]' in text


NAMES = st.sampled_from(
    ["instances", "inputs", "signature_name", "examples", "context", "x", "text", "flag", "b64", "values"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["regress", "class", "rename", "YQ==", "ü"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
BODIES = st.builds(json.dumps, st.dictionaries(NAMES, VALUES, max_size=4)).map(str.encode)
VALID = (
    b'{"instances": [{"x": [1, 2], "text": "a"}, {"x": [3, 4], "text": {"b64": "YQ=="}}]}',
    b'{"inputs": {"x": [[1, 2]], "text": ["a"], "flag": [true]}, "signature_name": ""}',
    b'{"signature_name": "regress", "examples": [{"x": [1, 2]}, {"x": [3, 4]}]}',
    b'{"signature_name": "class", "examples": [{}, {"x": [3, NaN]}], "context": {"y": "\\u00fc"}}',
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 3)))
        body[start:end] = draw(
            st.binary(max_size=2) | st.sampled_from([b"[", b"]", b"{", b"}", b'"', b",", b":", b"-1"])
        )
    return bytes(body)


def check_fits(request: InferRequest, served: Model) -> None:
    for name, array in request.inputs.items():
        spec = served.meta.inputs[name]
        assert array.dtype == DTYPES[spec.dtype]
        assert fits(array.shape, spec.shape)


@given(st.sampled_from(["predict", "classify", "regress"]), st.sampled_from([ONE, TWO]), BODIES | mutated())
def test_any_body_is_tensors_that_fit_or_a_bad_request(verb: str, served: Model, body: bytes) -> None:
    try:
        request = FORMAT.decode(call(verb, body), served)
    except BadRequest as error:
        reply = FORMAT.encode_error(error, call(verb, body))
        assert json.loads(reply.body)["error"]
        return
    check_fits(request, served)
