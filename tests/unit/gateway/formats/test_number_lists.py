"""A long list of numbers is, in every place of every format that takes any, what a short one is.

The same request is read twice, once with white space in its lists that makes them long.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from modelport.api import PublishedModelSpec
from modelport.gateway.codecs.number_list import LARGE
from modelport.gateway.errors import GatewayError
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Call, Model, Operation
from modelport.gateway.tensors import ModelMeta, TensorSpec

PAIR = TensorSpec("x", "FP32", (-1, 2))
COUNTS = TensorSpec("n", "UINT8", (-1,), optional=True)
PICTURE = TensorSpec("image", "UINT8", (-1, 2, 2, 3))
PICTURES = {
    "task": "ObjectDetection",
    "inputs": [{"name": "image", "kind": "Image", "image": {"layout": "NHWC"}}],
    "detection": {"outputs": {"boxes": "boxes", "scores": "scores"}},
}
SIGNATURES = [{"name": "regress", "method": "Regress", "inputs": {"x": "x"}}]


def model(name: str) -> Model:
    inputs = (PICTURE,) if name == "nexus" else (PAIR, COUNTS)
    blocks = {
        "model": {"name": "m", "format": "ONNX", "source": {"uri": "file:m"}},
        "io": PICTURES if name == "nexus" else {"signatures": SIGNATURES},
    }
    outputs = {each: TensorSpec(each, "FP32", (-1, -1)) for each in ("boxes", "scores")}
    meta = ModelMeta("m", 1, "onnx", 8, {each.name: each for each in inputs}, outputs)
    return Model("m", PublishedModelSpec.model_validate(blocks, strict=False), (), meta)


BODIES: dict[str, list[str]] = {
    "tensorflow-serving": [
        '{"instances": [[1, 2], [3, 4]]}',
        '{"instances": [[1, 2, 3]]}',
        '{"instances": [1, 2]}',
        '{"instances": [{"x": [1, 2.5]}, {"x": [3, 4]}]}',
        '{"instances": [{"x": [1, 2]}, {"x": [3]}]}',
        '{"instances": [{"x": [1, 2], "n": 3}, {"x": [3, 4], "n": 256}]}',
        '{"instances": [{"x": [1, 2], "n": [3]}, {"x": [3, 4], "n": 4}]}',
        '{"instances": [{"y": [1, 2]}, [3, 4]]}',
        '{"instances": ["a", [1, 2]]}',
        '{"inputs": [[1, 2], [3, 4]]}',
        '{"inputs": {"x": [[1, 2], [3, 4]], "n": [1, 2]}}',
        '{"inputs": {"x": [[1, 2], [3, 4]], "n": [1, 2.0]}}',
        '{"inputs": {"x": {"b64": [1, 2]}}}',
        '{"instances": [[1, 2]], "signature_name": [1, 2]}',
        '{"signature_name": "regress", "examples": [{"x": [1, 2]}, {"x": [3, 4]}]}',
        '{"signature_name": "regress", "examples": [{"x": [1, 2]}, {"x": 3}]}',
        '{"signature_name": "regress", "examples": [{"n": 1}, {"n": 2}], "context": {"x": [3, 4]}}',
        '{"signature_name": "regress", "examples": [1, 2]}',
        '{"signature_name": "regress", "examples": [{"x": [1, 2]}], "context": [3, 4]}',
        "[[1, 2]]",
    ],
    "open-inference": [
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}]}',
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}]}',
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2, 3, 4]}]}',
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1.5, 2], "data": [1, 2]}]}',
        '{"inputs": [{"name": [1, 2], "datatype": [3], "shape": [1, 2], "data": [1, 2]}]}',
        '{"inputs": [{"name": "x", "datatype": [3], "shape": [1, 2], "data": [1, 2]}]}',
        '{"inputs": [1, 2]}',
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}], "outputs": [1]}',
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2], "parameters": [1]}]}',
        '{"id": [1, 2]}',
        '{"parameters": {"priority": [1, 2]}, "inputs": []}',
    ],
    "nnc": [
        '{"inputs": [{"name": "x", "type": "vector", "data": [1, 2]}]}',
        '{"inputs": [{"name": "x", "type": "vector", "data": [1, 2, 3]}]}',
        '{"inputs": [{"name": "x", "type": [1], "data": [1, 2, 3]}]}',
        '{"inputs": [1, 2]}',
        '{"inputs": [{"name": "x", "type": "vector", "data": [1, 2]}], "executor": [1, 2]}',
        '{"inputs": [{"name": "x", "type": "vector", "data": {"b64": [1, 2]}}]}',
    ],
    "nexus": [
        '{"image_type": "array", "data": [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 255.0]]]}',
        '{"image_type": "array", "data": [[1, 256]]}',
        '{"image_type": "array", "data": [[1, 2.5]]}',
        '{"image_type": "array", "data": [1, 2]}',
        '{"image_type": "base64", "data": [1, 2]}',
        '{"image_type": [1, 2], "data": [1, 2]}',
        '{"image_type": "array", "data": [[1]], "routines": [1, 2]}',
        '{"image_type": "array", "data": [[1]], "routines": {"a": [1, 2]}}',
    ],
}
CASES = [(name, body) for name, bodies in BODIES.items() for body in bodies]


def read(name: str, body: str) -> Any:
    """Return what the format makes of the body: its tensors, or its refusal."""
    route = next(each for each in FORMATS[name].routes if each.operation is Operation.INFER)
    path = f"/v1/models/m:{'regress' if 'regress' in body else 'predict'}"
    call = Call("POST", path, route, {"model": "m"}, body=body.encode())
    try:
        request = FORMATS[name].decode(call, model(name))
    except GatewayError as error:
        return type(error), str(error)
    return {each: (array.dtype, array.shape, array.tobytes()) for each, array in request.inputs.items()}


@pytest.mark.parametrize(("name", "body"), CASES)
def test_long_lists_are_read_as_short_ones(name: str, body: str) -> None:
    long = re.sub(r"\[(?=[-\d\[])", "[" + " " * LARGE, body)
    assert long != body
    assert read(name, long) == read(name, body)
