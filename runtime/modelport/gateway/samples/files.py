"""A picture and a sound as a model takes them."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from modelport.api.io import AudioInput, ImageInput, Input, InputKind
from modelport.gateway.preprocess import model_size, sound_axes
from modelport.gateway.samples.errors import NoSample
from modelport.gateway.tensors import ANY, TensorSpec

ANY_SIZE: Final = (64, 48)
"""Width and height of the picture for a model that takes any; not square, so that the two are told apart."""
MOST_PIXELS: Final = 1024 * 1024
ANY_RATE: Final = 16_000
"""Samples per second for a model that names no rate."""
MOST_SAMPLES: Final = 50_000

_DARK, _RED = (24, 24, 24), (255, 32, 32)
_PITCH_HZ: Final = 440


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file that a model takes."""

    data: bytes
    type: str
    """As in `nnc` requests: png or wav."""
    media_type: str


def sample_file(declared: Input, tensor: TensorSpec) -> SampleFile:
    """Return a file for an input of kind Image or Audio.

    Raises:
        NoSample: it would be large, or the spec does not fit the model.
        InternalError: the spec does not fit the model.
    """
    return _MAKERS[declared.kind](declared, tensor)


def _picture(declared: Input, tensor: TensorSpec) -> SampleFile:
    image = declared.image or ImageInput()
    width, height = (image.resize == "Exact" and model_size(image, tensor)) or ANY_SIZE
    if width * height > MOST_PIXELS:
        raise NoSample(f"input {tensor.name} is a picture of {width} x {height} pixels")
    return SampleFile(_png(width, height), "png", "image/png")


@lru_cache(maxsize=64)
def _png(width: int, height: int) -> bytes:
    """Draw a red rectangle on a dark ground, as a PNG file."""
    picture = Image.new("RGB", (width, height), _DARK)
    picture.paste(_RED, (width // 4, height // 4, width - width // 4, height - height // 4))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _sound(declared: Input, tensor: TensorSpec) -> SampleFile:
    audio = declared.audio or AudioInput()
    rate = audio.sample_rate or ANY_RATE
    length, channels = _sound_shape(audio, tensor, rate // 4)
    if length * channels > MOST_SAMPLES:
        raise NoSample(f"input {tensor.name} is a sound of {length} samples in {channels} channels")
    return SampleFile(_wav(rate, length, channels), "wav", "audio/wav")


def _sound_shape(audio: AudioInput, tensor: TensorSpec, any_length: int) -> tuple[int, int]:
    """Return the length and the channels that the model takes."""
    for axes in sound_axes(audio.layout):
        sizes = {"C": 1} | dict(zip(axes, tensor.shape, strict=False))
        if len(axes) == len(tensor.shape) and sizes.get("N", 1) in (1, ANY):
            return any_length if sizes["L"] == ANY else sizes["L"], 1 if sizes["C"] == ANY else sizes["C"]
    raise NoSample(f"input {tensor.name} is a sound in {audio.layout}, which does not fit {list(tensor.shape)}")


@lru_cache(maxsize=64)
def _wav(rate: int, length: int, channels: int) -> bytes:
    """Write a tone of half the full volume, the same in each channel, as a wav file of 16 bits."""
    tone = np.sin(2 * np.pi * _PITCH_HZ * np.arange(length) / rate) * 2**14
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(np.repeat(tone.astype("<i2"), channels).tobytes())
    return file.getvalue()


_MAKERS: Final[Mapping[InputKind, Callable[[Input, TensorSpec], SampleFile]]] = {"Image": _picture, "Audio": _sound}
