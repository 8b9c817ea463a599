"""An inference request's body to tensors (`inference_rest.md`, "Inference Request JSON Object").

Every path in a message is one of the body: `inputs[1].data[7]`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.shapes import fits, show_shape
from modelport.gateway.codecs.words import describe, item, member, one_of
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Call, Model
from modelport.gateway.formats.open_inference.binary import Tail, array_from_bytes, deduce_raw, parse_header_length
from modelport.gateway.formats.open_inference.fields import (
    Parameter,
    read_flag,
    read_list,
    read_name,
    read_object,
    read_parameters,
    read_size,
    read_text,
    refuse_shared_memory,
)
from modelport.gateway.tensors import Array, InferRequest, TensorSpec


@dataclass(frozen=True, slots=True)
class Asked:
    """How `encode` is to write the outputs."""

    binary: bool = False
    """Whether outputs are binary unless they say otherwise themselves."""
    binary_by_name: Mapping[str, bool] = field(default_factory=dict)

    def is_binary(self, name: str) -> bool:
        """Tell how to write the output of that name."""
        return self.binary_by_name.get(name, self.binary)


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The outputs that a request names, in its order."""

    names: list[str] = field(default_factory=list)
    parameters: dict[str, Mapping[str, Parameter]] = field(default_factory=dict)
    """For Triton."""
    binary: dict[str, bool] = field(default_factory=dict)
    """What outputs say themselves of being binary."""


def decode_request(call: Call, model: Model) -> InferRequest:
    """Read the body of a request; raise BadRequest with the path."""
    header = parse_header_length(call.headers, len(call.body))
    if header == 0:
        return _decode_raw(call.body, model)
    limits = model.spec.limits
    rank = max((len(spec.shape) for spec in model.meta.inputs.values()), default=0)
    text = call.body if header is None else call.body[:header]
    whole = codec.loads(text, constants=True, depth=limits.depth + rank, number_lists=True)
    body = read_object(whole, "body")
    parameters = read_object(body.get("parameters"), "parameters")
    tail = Tail(call.body, len(text))
    inputs = _read_inputs(body.get("inputs"), tail, model)
    tail.finish()
    outputs = _read_outputs(body.get("outputs"), model.meta.outputs)
    binary = read_flag(parameters, "binary_data_output", "parameters") or False
    return InferRequest(
        inputs,
        outputs=tuple(outputs.names) or None,
        parameters=read_parameters(parameters),
        output_parameters=outputs.parameters,
        id=read_text(body.get("id"), "id"),
        note=Asked(binary, outputs.binary),
    )


def _decode_raw(body: bytes, model: Model) -> InferRequest:
    """Read a body without a JSON object; every output is then binary."""
    inputs = model.meta.inputs
    if len(inputs) != 1:
        raise BadRequest(f"body: a raw request has one input, the model takes {one_of(tuple(inputs))}")
    (spec,) = inputs.values()
    array = deduce_raw(memoryview(body), spec, batched=model.meta.max_batch_size > 0)
    elements = model.spec.limits.tensor_elements
    if array.size > elements:
        raise BadRequest(f"body: more than {elements} elements (spec.limits.tensorElements)")
    return InferRequest({spec.name: array}, note=Asked(binary=True))


def _read_inputs(value: Any, tail: Tail, model: Model) -> dict[str, Array]:
    specs = model.meta.inputs
    inputs: dict[str, Array] = {}
    for index, each in enumerate(read_list(value, "inputs")):
        path = item("inputs", index)
        tensor = read_object(each, path, required=True)
        name = read_name(tensor, path, specs, inputs, "input")
        inputs[name] = _read_input(tensor, specs[name], tail, path, model.spec.limits.tensor_elements)
    missing = [name for name, spec in specs.items() if not spec.optional and name not in inputs]
    if missing:
        raise BadRequest(f"inputs: the model's input {missing[0]!r} is missing")
    return inputs


def _read_input(tensor: Mapping[str, Any], spec: TensorSpec, tail: Tail, path: str, elements: int) -> Array:
    shape = _read_shape(tensor.get("shape"), spec, member(path, "shape"), elements)
    if tensor.get("datatype") != spec.dtype:
        got = describe(tensor.get("datatype"))
        raise BadRequest(f"{member(path, 'datatype')}: expected {spec.dtype} as {spec.name!r} has, got {got}")
    parameters = read_object(tensor.get("parameters"), member(path, "parameters"))
    refuse_shared_memory(parameters, member(path, "parameters"), "send")
    size, data = read_size(parameters, "binary_data_size", member(path, "parameters")), tensor.get("data")
    if (size is None) == (data is None):
        got = "neither" if size is None else "both"
        raise BadRequest(f"{path}: expected either data or parameters.binary_data_size, got {got}")
    if size is None:
        return _read_data(data, spec.dtype, shape, member(path, "data"), elements)
    where = member(member(path, "parameters"), "binary_data_size")
    return array_from_bytes(tail.take(size, where), spec.dtype, shape, where)


def _read_shape(value: Any, spec: TensorSpec, path: str, elements: int) -> tuple[int, ...]:
    sizes = read_list(value, path)
    for index, size in enumerate(sizes):
        if type(size) is not int or size < 0:
            raise BadRequest(f"{item(path, index)}: expected an integer from 0, got {describe(size)}")
    shape = tuple(sizes)
    if not fits(shape, spec.shape):
        raise BadRequest(f"{path}: expected {show_shape(spec.shape)} as {spec.name!r} has, got {show_shape(shape)}")
    if max(*shape, math.prod(shape), 0) > elements:  # each size too: beside a 0 the product hides it
        raise BadRequest(f"{path}: more than {elements} elements (spec.limits.tensorElements)")
    return shape


def _read_data(value: Any, dtype: str, shape: tuple[int, ...], path: str, elements: int) -> Array:
    """Read explicit data, flat or nested as the shape says; dimensions of size 1 may be left out of the nesting."""
    array = parse_array(read_list(value, path), dtype, path, elements=elements)
    if array.size != math.prod(shape):
        raise BadRequest(f"{path}: expected {math.prod(shape)} elements for the shape {list(shape)}, got {array.size}")
    if array.ndim > 1 and _without_ones(array.shape) != _without_ones(shape):
        nested = list(array.shape)
        raise BadRequest(f"{path}: expected a flat list or one nested as the shape {list(shape)}, got {nested}")
    return array.reshape(shape)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _read_outputs(value: Any, specs: Mapping[str, TensorSpec]) -> _Outputs:
    """Read the outputs wanted; none named are all of them."""
    outputs = _Outputs()
    for index, each in enumerate(read_list(value, "outputs") if value is not None else ()):
        path = item("outputs", index)
        output = read_object(each, path, required=True)
        name = read_name(output, path, specs, outputs.names, "output")
        outputs.names.append(name)
        where = member(path, "parameters")
        parameters = read_object(output.get("parameters"), where)
        refuse_shared_memory(parameters, where, "ask for")
        if classes := read_size(parameters, "classification", where):
            outputs.parameters[name] = {"classification": classes}
        binary = read_flag(parameters, "binary_data", where)
        if binary is not None:
            outputs.binary[name] = binary
    return outputs
