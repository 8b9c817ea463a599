"""wav files to samples: linear PCM of 8, 16, 24 and 32 bits and floats, any number of channels.

The chunks are read here and not by a library: those that there are take a file that was cut short for a whole one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelport.gateway.codecs.kinds import kind_of
from modelport.gateway.errors import BadRequest

RATES: Final = range(1, 768_001)
"""Samples per second that a file may have."""

_CHUNKS: Final = 1000
_STREAMED: Final = 0xFFFFFFFF
_EXTENSIBLE: Final = 0xFFFE


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Samples as a wav file holds them."""

    samples: NDArray[np.float32]
    """[length, channels], in steps of 16 bits: 8-bit files use -32768 to 32512, floats of -1 to 1 use -32768 to 32768.
    What a file has beyond 16 bits is in the fraction."""
    rate: int
    """Samples per second of each channel."""


def decode_wav(data: bytes, path: str, *, limit: int) -> Sound:
    """Read a wav file.

    Args:
        data: the file.
        path: of the file in the request, for messages.
        limit: the most samples, in all channels together.

    Raises:
        BadRequest: the file is of another type or encoding, damaged, cut short or too long.
    """
    kind = kind_of(data)
    if kind != "a wav file":
        raise BadRequest(f"{path}: expected a wav file, got {kind}")
    header, body = _chunks(data, path)
    encoding = _read_header(header, path)
    count, rest = divmod(len(body), encoding.bits // 8)
    if rest or count % encoding.channels:
        raise BadRequest(f"{path}: the wav file is cut short inside a sample")
    if count > limit:
        raise BadRequest(f"{path}: a wav file of {count} samples, more than {limit}")
    samples = _ENCODINGS[encoding.tag, encoding.bits](body)
    if not np.isfinite(samples).all():
        raise BadRequest(f"{path}: the wav file holds values that are not finite")
    return Sound(samples.reshape(-1, encoding.channels), encoding.rate)


@dataclass(frozen=True, slots=True)
class _Encoding:
    tag: int
    channels: int
    rate: int
    bits: int


def _chunks(data: bytes, path: str) -> tuple[memoryview, memoryview]:
    """Return the header and the samples of a RIFF file."""
    view, at, header = memoryview(data), 12, None
    for _ in range(_CHUNKS):
        if at + 8 > len(view):
            break
        name, size = struct.unpack_from("<4sI", view, at)
        body = view[at + 8 : at + 8 + size]
        if name == b"data" and header is not None:
            if len(body) < size and size != _STREAMED:  # who writes to a pipe does not know the size
                raise BadRequest(f"{path}: the wav file is cut short: {len(body)} of {size} bytes of samples")
            return header, body
        if name == b"fmt ":
            header = body
        at += 8 + size + size % 2
    raise BadRequest(f"{path}: the wav file is damaged or cut short: no {'samples' if header else 'format'} in it")


def _read_header(header: memoryview, path: str) -> _Encoding:
    if len(header) < 16:
        raise BadRequest(f"{path}: the wav file's format is cut short")
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", header)
    if tag == _EXTENSIBLE and len(header) >= 26:
        (tag,) = struct.unpack_from("<H", header, 24)
    if (tag, bits) not in _ENCODINGS:
        raise BadRequest(
            f"{path}: expected a wav file of 8, 16, 24 or 32 bits or floats, got {bits} bits in {_tag_name(tag)}"
        )
    if not channels or block != channels * bits // 8 or rate not in RATES:
        raise BadRequest(
            f"{path}: the wav file's format is damaged: {channels} channels of {bits} bits in {block} bytes, {rate} Hz"
        )
    return _Encoding(tag, channels, rate, bits)


def _tag_name(tag: int) -> str:
    return _TAGS.get(tag, f"encoding {tag:#06x}")


_Reader = Callable[[memoryview], NDArray[np.float32]]


def _integers(dtype: str, scale: float, offset: int = 0) -> _Reader:
    return lambda body: (np.frombuffer(body, dtype).astype(np.float32) - np.float32(offset)) * np.float32(scale)


def _floats(dtype: str) -> _Reader:
    def read(body: memoryview) -> NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.frombuffer(body, dtype).astype(np.float32) * np.float32(2**15)

    return read


def _24_bits(body: memoryview) -> NDArray[np.float32]:
    wide = np.zeros((len(body) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2**-16)


_PCM: Final = 1
_FLOAT: Final = 3
_ENCODINGS: Final[Mapping[tuple[int, int], _Reader]] = {
    (_PCM, 8): _integers("u1", 2**8, offset=2**7),
    (_PCM, 16): _integers("<i2", 1),
    (_PCM, 24): _24_bits,
    (_PCM, 32): _integers("<i4", 2**-16),
    (_FLOAT, 32): _floats("<f4"),
    (_FLOAT, 64): _floats("<f8"),
}
"""How the bytes become steps of 16 bits, by the format's tag and its bits a sample."""

_TAGS: Final[Mapping[int, str]] = {
    1: "PCM",
    2: "ADPCM",
    3: "floats",
    6: "A-law",
    7: "mu-law",
    0x11: "ADPCM",
    0x55: "MP3",
}
