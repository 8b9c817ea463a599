"""A sound to the tensor that `spec.io.inputs[].audio` describes: rate, then values, then layout."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from modelport.api.io import AudioInput
from modelport.api.limits import Limits
from modelport.gateway.codecs.audio import Sound
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.tensors import ANY, DTYPES, Array, TensorSpec


def prepare_sound(
    sound: Sound, spec: AudioInput, tensor: TensorSpec, path: str, *, elements: int = Limits().tensor_elements
) -> Array:
    """Make the model's tensor of a sound: of the tensor's dtype and rank; its batch, where there is one, is 1.

    Args:
        sound: as the caller sent it. It is resampled only where the spec names a rate that is not the file's.
        spec: what the tensor means.
        tensor: what the model says of it. Its rank may lack the batch, and for one channel the channels.
        path: of the sound in the request, for messages.
        elements: the most elements of the tensor.

    Raises:
        BadRequest: the sound's length or channels do not fit the model.
        InternalError: spec and model contradict each other.
    """
    samples = _resample(sound, spec.sample_rate, path, elements)
    return _arrange(_convert(samples * spec.scale, tensor.dtype), spec.layout, tensor, path)


def sound_axes(layout: str) -> tuple[str, ...]:
    """Return what a tensor's dimensions may mean, in the order in which they are tried: batch, length, channels."""
    return "N" + layout, "NL", layout, "L"


def _resample(sound: Sound, rate: int | None, path: str, elements: int) -> NDArray[np.float32]:
    """Return the samples at the model's rate, which may be many more than those of the file."""
    rate = rate or sound.rate
    if sound.samples.size * rate / sound.rate > elements:
        raise BadRequest(f"{path}: a sound of more than {elements} samples at {rate} Hz")
    return sound.samples if rate == sound.rate else soxr.resample(sound.samples, sound.rate, rate)


def _convert(values: NDArray[np.float32], dtype: str) -> Array:
    into = DTYPES[dtype]
    if into.kind in "bO":
        raise InternalError(f"spec.io: a sound cannot be a tensor of {dtype}")
    if into.kind in "iu":
        limits = np.iinfo(into)
        return np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max).astype(into)
    with np.errstate(over="ignore"):
        return values.astype(into)


def _arrange(values: Array, layout: str, tensor: TensorSpec, path: str) -> Array:
    length, channels = values.shape
    sizes = {"N": 1, "L": length, "C": channels}
    for axes in sound_axes(layout):
        shape = [sizes[axis] for axis in axes]
        fits = len(shape) == len(tensor.shape) and all(
            dim in (size, ANY) for dim, size in zip(tensor.shape, shape, strict=True)
        )
        if fits and ("C" in axes or channels == 1):
            ordered = values.T if axes.endswith("CL") else values
            return np.ascontiguousarray(ordered).reshape(shape)
    raise BadRequest(
        f"{path}: the model takes a sound of shape {list(tensor.shape)} ({layout}, after the batch), "
        f"got {length} samples in {channels} channels"
    )
