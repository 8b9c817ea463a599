"""`:predict`: tensors in rows (`instances`) or in columns (`inputs`), and the answer in the same way.

The document: "Predict API". Where it is silent the real server's `json_tensor.cc` decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelport.gateway.codecs.arrays import B64, parse_array
from modelport.gateway.codecs.number_list import NumberList, is_list
from modelport.gateway.codecs.shapes import check_shape
from modelport.gateway.codecs.words import describe, item, member, one_of
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import JSON, Model, Reply
from modelport.gateway.formats.tensorflow_serving.signatures import Signature, find_signature
from modelport.gateway.formats.tensorflow_serving.text import members, objects, single, tensor_text
from modelport.gateway.tensors import Array, InferRequest, InferResult, TensorSpec

ROWS = "instances"
COLUMNS = "inputs"


@dataclass(frozen=True, slots=True)
class Asked:
    """What `encode` needs to know of the request."""

    signature: Signature
    rows: bool


def decode_predict(body: Mapping[str, Any], model: Model) -> InferRequest:
    """Read a predict request's body; raise BadRequest with the path."""
    signature = find_signature(body.get("signature_name", ""), "Predict", model)
    if (ROWS in body) == (COLUMNS in body):
        got = "both" if ROWS in body else "neither"
        raise BadRequest(f"body: expected either {ROWS!r} or {COLUMNS!r}, got {got}")
    rows = ROWS in body
    elements = model.spec.limits.tensor_elements
    read = _read_rows(body[ROWS], signature, elements) if rows else _read_columns(body[COLUMNS], signature, elements)
    return InferRequest(
        {signature.inputs[name].name: array for name, array in read.items()},
        outputs=signature.wanted,
        note=Asked(signature, rows),
    )


def _read_rows(instances: Any, signature: Signature, elements: int) -> dict[str, Array]:
    if not is_list(instances):
        raise BadRequest(f"{ROWS}: expected a list, got {describe(instances)}")
    if not instances:
        raise BadRequest(f"{ROWS}: expected at least one instance, got an empty list")
    if not _are_named(instances):
        name = _only_input(signature, ROWS)
        return {name: _read(instances, signature.inputs[name], ROWS, elements)}
    given = [name for name, spec in signature.inputs.items() if not spec.optional or name in instances[0]]
    for index, instance in enumerate(instances):
        _check_names(instance, given, signature, item(ROWS, index))
    return {
        name: _read([instance[name] for instance in instances], signature.inputs[name], ROWS, elements, key=name)
        for name in given
    }


def _read_columns(inputs: Any, signature: Signature, elements: int) -> dict[str, Array]:
    if not _is_named(inputs):
        name = _only_input(signature, COLUMNS)
        return {name: _read(inputs, signature.inputs[name], COLUMNS, elements)}
    for name, spec in signature.inputs.items():
        if name not in inputs and not spec.optional:
            raise BadRequest(f"{member(COLUMNS, name)}: the input is missing")
    return {
        name: _read(inputs[name], spec, member(COLUMNS, name), elements)
        for name, spec in signature.inputs.items()
        if name in inputs
    }


def _read(value: Any, spec: TensorSpec, path: str, elements: int, key: str | None = None) -> Array:
    array = parse_array(value, spec.dtype, path, elements=elements, key=key)
    check_shape(array, spec, path if key is None else member(f"{path}[*]", key))
    return array


def _are_named(instances: Sequence[Any]) -> bool:
    """Tell objects of named inputs from plain values; raise BadRequest for both in one list."""
    if isinstance(instances, NumberList) or dict not in set(map(type, instances)):
        return False
    named = _is_named(instances[0])
    for index, instance in enumerate(instances):
        if _is_named(instance) is not named:
            expected = "an object" if named else "a value or a list"
            raise BadRequest(f"{item(ROWS, index)}: expected {expected} as in {ROWS}[0], got {describe(instance)}")
    return named


def _is_named(value: Any) -> bool:
    """Tell an object of named inputs from a plain value, of which `{"b64": "…"}` is one."""
    return isinstance(value, dict) and not (len(value) == 1 and isinstance(value.get(B64), str))


def _only_input(signature: Signature, path: str) -> str:
    needed = [name for name, spec in signature.inputs.items() if not spec.optional] or list(signature.inputs)
    if len(needed) != 1:
        raise BadRequest(f"{path}: expected named inputs, got plain values; the model takes {one_of(needed)}")
    return needed[0]


def _check_names(instance: dict[str, Any], given: list[str], signature: Signature, path: str) -> None:
    if instance.keys() == set(given):
        return
    for name in instance:
        if name not in signature.inputs:
            known = one_of(tuple(signature.inputs))
            raise BadRequest(f"{member(path, name)}: no such input, the model takes {known}")
        if name not in given:
            raise BadRequest(f"{member(path, name)}: given here and not in {ROWS}[0]; give it in all or in none")
    missing = next(name for name in given if name not in instance)
    raise BadRequest(f"{member(path, missing)}: the input is missing")


def encode_predict(result: InferResult, asked: Asked) -> Reply:
    """Word the answer of a predict request."""
    outputs = {name: result.outputs[spec.name] for name, spec in asked.signature.outputs.items()}
    return Reply(body=_write_rows(outputs) if asked.rows else _write_columns(outputs), content_type=JSON)


def _write_rows(outputs: Mapping[str, Array]) -> bytes:
    first, *others = outputs
    for name, array in outputs.items():
        if array.ndim == 0 or array.shape[0] != (outputs[first].shape or (0,))[0]:
            raise BadRequest(
                f"{ROWS}: the outputs' 0th dimensions differ ({first!r}: {list(outputs[first].shape)}, "
                f"{name!r}: {list(array.shape)}), ask in columns ({COLUMNS!r}) instead"
            )
    if not others:
        return single("predictions", tensor_text(outputs[first], first))
    rows = [
        {name: tensor_text(array[index, ...], name) for name, array in outputs.items()}
        for index in range(len(outputs[first]))
    ]
    return single("predictions", objects(rows))


def _write_columns(outputs: Mapping[str, Array]) -> bytes:
    texts = {name: tensor_text(array, name) for name, array in outputs.items()}
    if len(texts) == 1:
        return single("outputs", *texts.values())
    return single("outputs", members(texts, 4))
