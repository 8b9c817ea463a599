"""`:classify` and `:regress`: examples of features in, labels with scores or values out.

The document: "Classify and Regress API". Its answer's key is `result`; the real server writes `results`, and so do we.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelport.api.io import SignatureMethod
from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.number_list import is_list
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.codecs.shapes import check_shape
from modelport.gateway.codecs.words import describe, item, member, one_of
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.formats.base import JSON, Model, Reply
from modelport.gateway.formats.tensorflow_serving.signatures import Signature, find_signature
from modelport.gateway.formats.tensorflow_serving.text import single, tensor_text
from modelport.gateway.tensors import Array, InferRequest, InferResult, TensorSpec

EXAMPLES = "examples"
CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Asked:
    """What `encode` needs to know of the request."""

    signature: Signature
    outputs: Mapping[str, TensorSpec]
    """By role: `outputs` of Regress, `scores` and perhaps `classes` of Classify."""
    examples: int


def decode_examples(body: Mapping[str, Any], method: SignatureMethod, model: Model) -> InferRequest:
    """Read a classify or regress request's body; raise BadRequest with the path."""
    signature = find_signature(body.get("signature_name", ""), method, model)
    examples = _read_examples(body)
    context = body.get(CONTEXT, {})
    if not isinstance(context, dict):
        raise BadRequest(f"{CONTEXT}: expected an object, got {describe(context)}")
    for index, example in enumerate(examples):
        for name in example.keys() & context.keys():
            raise BadRequest(f"{member(item(EXAMPLES, index), name)}: the feature stands in {CONTEXT!r} too")
    elements = model.spec.limits.tensor_elements
    outputs = _roles(signature)
    return InferRequest(
        {
            spec.name: _feature(name, spec, examples, context, signature.defaults, elements)
            for name, spec in signature.inputs.items()
            if not spec.optional or name in context or any(name in example for example in examples)
        },
        outputs=tuple(dict.fromkeys(spec.name for spec in outputs.values())),
        note=Asked(signature, outputs, len(examples)),
    )


def _read_examples(body: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    examples = body.get(EXAMPLES)
    if EXAMPLES not in body:
        raise BadRequest(f"body: expected {EXAMPLES!r}, a list of objects")
    if not is_list(examples):
        raise BadRequest(f"{EXAMPLES}: expected a list of objects, got {describe(examples)}")
    if not examples:
        raise BadRequest(f"{EXAMPLES}: expected at least one example, got an empty list")
    for index, example in enumerate(examples):
        if not isinstance(example, dict):
            raise BadRequest(f"{item(EXAMPLES, index)}: expected an object, got {describe(example)}")
    return examples


def _feature(
    name: str,
    spec: TensorSpec,
    examples: Sequence[dict[str, Any]],
    context: Mapping[str, Any],
    defaults: Mapping[str, Any],
    elements: int,
) -> Array:
    """Return a feature of all examples as the model's input: [batch, k], or [batch] where the input has rank 1."""
    if name in context:
        path = member(CONTEXT, name)
        one = parse_array(_as_list(context[name]), spec.dtype, path, elements=elements)
        if one.size * len(examples) > elements:
            raise BadRequest(f"{path}: more than {elements} elements")
        array = np.repeat(one[np.newaxis], len(examples), axis=0)
    else:
        path = member(f"{EXAMPLES}[*]", name)
        values = [_value(name, example, defaults, index) for index, example in enumerate(examples)]
        if any(is_list(value) for value in values):
            values = [_as_list(value) for value in values]
        array = parse_array(values, spec.dtype, EXAMPLES, elements=elements, key=name)
        if array.ndim == 1:
            array = array[:, np.newaxis]
    if len(spec.shape) == 1 and array.shape[1:] == (1,):
        array = array[:, 0]
    check_shape(array, spec, path)
    return array


def _value(name: str, example: Mapping[str, Any], defaults: Mapping[str, Any], index: int) -> Any:
    if name in example:
        return example[name]
    if name in defaults:
        return defaults[name]
    raise BadRequest(f"{member(item(EXAMPLES, index), name)}: the feature is missing and has no default")


def _as_list(value: Any) -> Sequence[Any]:
    return value if is_list(value) else [value]


def _roles(signature: Signature) -> Mapping[str, TensorSpec]:
    """Choose the outputs that the method needs; the role's name may be left out where there is one output alone."""
    outputs = signature.outputs
    role = "scores" if signature.method == "Classify" else "outputs"
    if role not in outputs and len(outputs) != 1:
        raise InternalError(
            f"spec.io.signatures[{signature.name}].outputs: say which output is {role!r}, there are "
            f"{one_of(tuple(outputs))}"
        )
    chosen = {role: outputs.get(role) or next(iter(outputs.values()))}
    if signature.method == "Classify" and "classes" in outputs:
        chosen["classes"] = outputs["classes"]
    return chosen


def encode_examples(result: InferResult, asked: Asked, labels: Sequence[str]) -> Reply:
    """Word the answer of a classify or regress request; `labels` are the model's own."""
    arrays = {role: result.outputs[spec.name] for role, spec in asked.outputs.items()}
    write = _write_classes if asked.signature.method == "Classify" else _write_values
    return Reply(body=single("results", write(arrays, asked, labels)), content_type=JSON)


def _write_values(arrays: Mapping[str, Array], asked: Asked, _: Sequence[str]) -> bytes:
    values = arrays["outputs"]
    if values.shape not in ((asked.examples,), (asked.examples, 1)):
        raise _misfit("outputs", values, asked, "[batch] or [batch, 1]")
    return tensor_text(_decimals(values.reshape(-1)), "outputs")


def _write_classes(arrays: Mapping[str, Array], asked: Asked, labels: Sequence[str]) -> bytes:
    scores = arrays["scores"]
    if scores.ndim != 2 or len(scores) != asked.examples:
        raise _misfit("scores", scores, asked, "[batch, classes]")
    classes = arrays.get("classes")
    if classes is not None and classes.shape != scores.shape:
        raise _misfit("classes", classes, asked, f"that of the scores, {list(scores.shape)}")
    rows = []
    for index, row in enumerate(_decimals(scores)):
        names = _names(len(row), labels) if classes is None else [_text(each) for each in classes[index].tolist()]
        texts = array_to_json(row, constants=True).strip(b"[]").split(b",") if len(row) else []
        pairs = [b"[%s, %s]" % (json.dumps(name).encode(), text) for name, text in zip(names, texts, strict=True)]
        rows.append(b"[%s]" % b", ".join(pairs))
    return b"[%s]" % b", ".join(rows)


def _names(count: int, labels: Sequence[str]) -> list[str]:
    return [*labels[:count], *[""] * (count - len(labels))]


def _text(label: Any) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)


def _decimals(values: Array) -> Array:
    """Scores and values are decimal numbers, also where the model gives integers."""
    return values.astype(np.float64) if values.dtype.kind in "biu" else values


def _misfit(role: str, array: Array, asked: Asked, expected: str) -> InternalError:
    return InternalError(
        f"spec.io.signatures[{asked.signature.name}]: the model's {role} {asked.outputs[role].name!r} have the shape "
        f"{list(array.shape)} for {asked.examples} examples, expected {expected}"
    )
