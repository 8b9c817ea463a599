"""A request's named inputs: vectors as they stand, pictures and sounds through the model's preprocessing.

The document: "画像データのAPI実行方法(例)" and the three after it. One request is one row of the model's batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from modelport.api.io import AudioInput, ImageInput, Input, InputKind
from modelport.gateway.codecs import base64
from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.audio import decode_wav
from modelport.gateway.codecs.images import decode_image
from modelport.gateway.codecs.kinds import DECLARED, kind_of
from modelport.gateway.codecs.shapes import fits, show_shape
from modelport.gateway.codecs.words import describe, member, one_of, quote
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Model
from modelport.gateway.formats.entries import Entry, check_names, read_entries
from modelport.gateway.preprocess import prepare_picture, prepare_sound, reduction
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

_TYPE_BY_KIND: Mapping[str, str] = {"DICOM": "dcm", "a wav file": "wav", "a big-endian wav file": "wav"}
"""The type in those rules that a file is of, whatever the request calls it."""


def decode_inputs(body: bytes, model: Model) -> InferRequest:
    """Read the body of an inference; raise BadRequest with the path."""
    rank = max((len(spec.shape) for spec in model.meta.inputs.values()), default=0)
    asked = codec.loads(body, constants=False, depth=model.spec.limits.depth + rank, number_lists=True)
    if not isinstance(asked, dict):
        raise BadRequest(f"body: expected a JSON object, got {describe(asked)}")
    executor = asked.get("executor", EXECUTOR)
    if executor != EXECUTOR:
        raise BadRequest(f'executor: expected "{EXECUTOR}", got {describe(executor)}')
    entries = read_entries(asked.get("inputs"))
    needed = [name for name, spec in model.meta.inputs.items() if not spec.optional]
    check_names(entries, model.meta.inputs, needed, "the model")
    declared = {each.name: each for each in model.spec.io.inputs}
    return InferRequest(
        {each.name: _read(each, declared.get(each.name) or Input(name=each.name), model) for each in entries}
    )


def _read(entry: Entry, declared: Input, model: Model) -> Array:
    path, types = member(entry.path, "type"), TYPES[declared.kind]
    _refuse_if_serverless(entry.type, path, model)
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
    data = _bytes(entry, path, model)
    factor = reduction(image, tensor)
    picture = decode_image(data, path, declared=entry.type, pixels=limits.pixels, frame=image.frame, factor=factor)
    return prepare_picture(picture, image, tensor, path, elements=limits.tensor_elements).array


def _read_sound(entry: Entry, declared: Input, model: Model) -> Array:
    path = member(entry.path, "data")
    sound = decode_wav(_bytes(entry, path, model), path, limit=model.spec.limits.tensor_elements)
    return prepare_sound(sound, declared.audio or AudioInput(), model.meta.inputs[entry.name], path)


def _bytes(entry: Entry, path: str, model: Model) -> bytes:
    if not isinstance(entry.data, str):
        raise BadRequest(f"{path}: expected base64 text of type {quote(entry.type)}, got {describe(entry.data)}")
    data = base64.decode(entry.data, path)
    _refuse_if_serverless(_TYPE_BY_KIND.get(kind_of(data), ""), path, model)
    return data


def _refuse_if_serverless(kind: str, path: str, model: Model) -> None:
    if model.spec.execution.type == "Serverless" and kind in NOT_SERVERLESS:
        raise BadRequest(f"{path}: {NOT_SERVERLESS[kind]}; publish the model as Dedicated")


_READERS: Mapping[InputKind, Callable[[Entry, Input, Model], Array]] = {
    "Tensor": _read_vector,
    "Image": _read_picture,
    "Audio": _read_sound,
}


def vector_shape(spec: TensorSpec, meta: ModelMeta) -> tuple[int, ...]:
    """Return the shape of a tensor without the batch dimension; a vector of one where nothing else is left."""
    return (spec.shape[1:] or (1,)) if meta.max_batch_size else spec.shape
