"""Numbers and texts as a tensor holds them, in nested lists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from modelport.api.io import AudioInput, ImageInput, Input
from modelport.gateway.codecs.audio import decode_wav
from modelport.gateway.codecs.images import decode_image
from modelport.gateway.preprocess import prepare_picture, prepare_sound
from modelport.gateway.samples.errors import NoSample
from modelport.gateway.samples.files import MOST_PIXELS, MOST_SAMPLES, sample_file
from modelport.gateway.tensors import ANY, DTYPES, TensorSpec

MOST_ELEMENTS: Final = 20_000
"""Of one tensor; more make a document that nobody wants to load."""

_VALUES: Final[Mapping[str, Sequence[Any]]] = {
    "f": (1.0, 2.0, 5.0, 0.5),
    "i": (0, 1),
    "u": (0, 1),
    "b": (True, False),
    "O": ("modelport", "text"),
}
"""What elements cycle through, by numpy's kind: ordinary, and valid as class or token numbers too."""


def sample_values(tensor: TensorSpec, declared: Input) -> Any:
    """Return a tensor as nested lists, a bare value for rank 0. Every free dimension, the batch among them, is 1.

    An input that is declared a picture or a sound has the dimensions of the sample file instead.

    Raises:
        NoSample: it would have more than `MOST_ELEMENTS`.
        InternalError: the spec does not fit the model.
    """
    if math.prod(abs(size) for size in tensor.shape) > MOST_ELEMENTS:  # before a file is made for it
        raise _too_large(tensor)
    shape = _shape(tensor, declared)
    if math.prod(shape) > MOST_ELEMENTS:
        raise _too_large(tensor)
    kind = DTYPES[tensor.dtype].kind
    return np.resize(np.array(_VALUES.get(kind, _VALUES["f"]), object), shape).tolist()


@lru_cache(maxsize=256)
def _shape(tensor: TensorSpec, declared: Input) -> tuple[int, ...]:
    path = tensor.name
    match declared.kind:
        case "Image":
            picture = decode_image(sample_file(declared, tensor).data, path, pixels=MOST_PIXELS)
            return prepare_picture(picture, declared.image or ImageInput(), tensor, path).array.shape
        case "Audio":
            sound = decode_wav(sample_file(declared, tensor).data, path, limit=MOST_SAMPLES)
            return prepare_sound(sound, declared.audio or AudioInput(), tensor, path).shape
        case "Tensor":
            return tuple(1 if size == ANY else size for size in tensor.shape)


def _too_large(tensor: TensorSpec) -> NoSample:
    return NoSample(f"input {tensor.name} has more than {MOST_ELEMENTS} elements")
