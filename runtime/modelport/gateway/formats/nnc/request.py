"""A request's named inputs: vectors as they stand, pictures and sounds through the model's preprocessing.

The document: "画像データのAPI実行方法(例)" and the three after it. One request is one row of the model's batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelport.api.io import AudioInput, ImageInput, Input, InputKind
from modelport.gateway.codecs import base64
from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.audio import decode_wav
from modelport.gateway.codecs.images import decode_image
from modelport.gateway.codecs.kinds import DECLARED
from modelport.gateway.codecs.shapes import fits, show_shape
from modelport.gateway.codecs.words import describe, item, member, one_of, quote
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Model
from modelport.gateway.preprocess import prepare_picture, prepare_sound
from modelport.gateway.tensors import Array, InferRequest, ModelMeta, TensorSpec

EXECUTOR = "Executor"
"""The name of the one executor, which a request may leave out."""

VECTOR = "vector"
TYPES: Mapping[InputKind, tuple[str, ...]] = {
    "Tensor": (VECTOR,),
    "Image": tuple(DECLARED),
    "Audio": ("wav",),
}
"""The document's types, by what the model declares its input to be."""

NOT_SERVERLESS: Mapping[str, str] = {
    "dcm": "DICOM data, as medical devices write them, cannot be used with type Serverless",
    "wav": "sounds such as wav cannot be used with type Serverless",
}
"""The document's rules for the type that is paid by the request ("APIの実行タイプの選択")."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of `inputs`."""

    name: str
    type: str
    """One of `TYPES`, in small letters."""
    data: Any
    path: str
    """Of the object."""


def decode_inputs(body: bytes, model: Model) -> InferRequest:
    """Read the body of an inference; raise BadRequest with the path."""
    rank = max((len(spec.shape) for spec in model.meta.inputs.values()), default=0)
    asked = codec.loads(body, constants=False, depth=model.spec.limits.depth + rank)
    if not isinstance(asked, dict):
        raise BadRequest(f"body: expected a JSON object, got {describe(asked)}")
    executor = asked.get("executor", EXECUTOR)
    if executor != EXECUTOR:
        raise BadRequest(f'executor: expected "{EXECUTOR}", got {describe(executor)}')
    entries = _read_entries(asked.get("inputs"))
    _check_names(entries, model.meta)
    declared = {each.name: each for each in model.spec.io.inputs}
    return InferRequest(
        {each.name: _read(each, declared.get(each.name) or Input(name=each.name), model) for each in entries}
    )


def _read_entries(inputs: Any) -> list[Entry]:
    if not isinstance(inputs, list):
        raise BadRequest(f"inputs: expected a list of objects, got {describe(inputs)}")
    return [_read_entry(each, item("inputs", index)) for index, each in enumerate(inputs)]


def _read_entry(entry: Any, path: str) -> Entry:
    if not isinstance(entry, dict):
        raise BadRequest(f"{path}: expected an object, got {describe(entry)}")
    for name in ("name", "type"):
        if not isinstance(entry.get(name), str):
            raise BadRequest(f"{member(path, name)}: expected a string, got {describe(entry.get(name))}")
    if "data" not in entry:
        raise BadRequest(f"{member(path, 'data')}: the member is missing")
    return Entry(entry["name"], entry["type"].lower(), entry["data"], path)


def _check_names(entries: list[Entry], meta: ModelMeta) -> None:
    """Raise BadRequest unless every input of the model is given exactly once, and nothing else is."""
    takes = f"the model takes {one_of(tuple(meta.inputs))}"
    seen: dict[str, Entry] = {}
    for entry in entries:
        path = member(entry.path, "name")
        if entry.name not in meta.inputs:
            raise BadRequest(f"{path}: no such input {quote(entry.name)}, {takes}")
        if entry.name in seen:
            raise BadRequest(f"{path}: {quote(entry.name)} is given in {seen[entry.name].path} too; {takes}, each once")
        seen[entry.name] = entry
    for name, spec in meta.inputs.items():
        if name not in seen and not spec.optional:
            raise BadRequest(f"inputs: {quote(name)} is missing, {takes}")


def _read(entry: Entry, declared: Input, model: Model) -> Array:
    path, types = member(entry.path, "type"), TYPES[declared.kind]
    if model.spec.execution.type == "Serverless" and entry.type in NOT_SERVERLESS:
        raise BadRequest(f"{path}: {NOT_SERVERLESS[entry.type]}; publish the model as Dedicated")
    if entry.type not in types:
        raise BadRequest(f"{path}: expected {one_of(types)} for the input {quote(entry.name)}, got {quote(entry.type)}")
    return _READERS[declared.kind](entry, declared, model)


def _read_vector(entry: Entry, _: Input, model: Model) -> Array:
    spec, path = model.meta.inputs[entry.name], member(entry.path, "data")
    array = parse_array(entry.data, spec.dtype, path, elements=model.spec.limits.tensor_elements)
    shape = vector_shape(spec, model.meta)
    if not fits(array.shape, shape):
        raise BadRequest(f"{path}: expected shape {show_shape(shape)}, got {show_shape(array.shape)}")
    return array if len(spec.shape) == array.ndim else array[np.newaxis]


def _read_picture(entry: Entry, declared: Input, model: Model) -> Array:
    path, image = member(entry.path, "data"), declared.image or ImageInput()
    tensor, limits = model.meta.inputs[entry.name], model.spec.limits
    picture = decode_image(_bytes(entry, path), path, declared=entry.type, pixels=limits.pixels, frame=image.frame)
    return prepare_picture(picture, image, tensor, path, elements=limits.tensor_elements).array


def _read_sound(entry: Entry, declared: Input, model: Model) -> Array:
    path = member(entry.path, "data")
    sound = decode_wav(_bytes(entry, path), path, limit=model.spec.limits.tensor_elements)
    return prepare_sound(sound, declared.audio or AudioInput(), model.meta.inputs[entry.name], path)


def _bytes(entry: Entry, path: str) -> bytes:
    if not isinstance(entry.data, str):
        raise BadRequest(f"{path}: expected base64 text of type {quote(entry.type)}, got {describe(entry.data)}")
    return base64.decode(entry.data, path)


_READERS: Mapping[InputKind, Callable[[Entry, Input, Model], Array]] = {
    "Tensor": _read_vector,
    "Image": _read_picture,
    "Audio": _read_sound,
}


def vector_shape(spec: TensorSpec, meta: ModelMeta) -> tuple[int, ...]:
    """Return the shape of a tensor without the batch dimension; a vector of one where nothing else is left."""
    return (spec.shape[1:] or (1,)) if meta.max_batch_size else spec.shape
