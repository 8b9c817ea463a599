"""wav files of every encoding, written by soundfile, and what is refused of them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelport.gateway.codecs.audio import Sound, decode_wav
from modelport.gateway.errors import BadRequest

PATH = "inputs[0].data"
WAVE = np.random.default_rng(7).uniform(-1, 1, (50, 2))
ENCODINGS = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def written(values: NDArray[np.float64] = WAVE, encoding: str = "PCM_16", kind: str = "WAV", rate: int = 8000) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, values, rate, format=kind, subtype=encoding)
    return stream.getvalue()


def read(data: bytes, limit: int = 10_000) -> Sound:
    return decode_wav(data, PATH, limit=limit)


def refusal(data: bytes, limit: int = 10_000) -> str:
    with pytest.raises(BadRequest) as caught:
        read(data, limit)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
def test_samples_are_those_of_libsndfile_in_steps_of_16_bits(encoding: str, kind: str, channels: int) -> None:
    data = written(WAVE[:, :channels], encoding, kind)
    expected, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    sound = read(data)
    assert sound.samples.dtype == np.float32
    assert (sound.samples == expected * 32768).all()
    assert sound.rate == rate == 8000


def test_16_bits_are_the_integers_of_the_file() -> None:
    values = np.array([-32768, -1, 0, 1, 32767], np.int16)
    stream = io.BytesIO()
    soundfile.write(stream, values, 16000, format="WAV", subtype="PCM_16")
    assert read(stream.getvalue()).samples[:, 0].tolist() == values.tolist()


def test_an_empty_sound_has_no_samples() -> None:
    assert read(written(WAVE[:0])).samples.shape == (0, 2)


def test_other_chunks_are_passed_over() -> None:
    data = written()
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    assert (read(data[:12] + extra + data[12:]).samples == read(data).samples).all()


def test_a_size_that_the_writer_did_not_know_is_what_there_is() -> None:
    data = written()
    at = data.index(b"data") + 4
    assert (read(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]).samples == read(data).samples).all()


def changed(offset: int, value: int, encoding: str = "PCM_16") -> bytes:
    """Write another 16-bit number into the header of a file."""
    data = bytearray(written(encoding=encoding))
    struct.pack_into("<H", data, offset, value)
    return bytes(data)


REFUSED = {
    "cut short": (written()[:-4], "the wav file is cut short: 196 of 200 bytes of samples"),
    "cut short in its header": (written()[:30], "the wav file is damaged or cut short: no samples in it"),
    "a format of 8 bytes": (
        written()[:16] + struct.pack("<I", 8) + bytes(8) + b"data" + bytes(4),
        "the wav file's format is cut short",
    ),
    "without samples": (written()[:36], "the wav file is damaged or cut short: no samples in it"),
    "without a format": (written()[:12], "the wav file is damaged or cut short: no format in it"),
    "half a frame": (
        written().replace(b"data" + struct.pack("<I", 200), b"data" + struct.pack("<I", 198)),
        "the wav file is cut short inside a sample",
    ),
    "mu-law": (written(encoding="ULAW"), "expected a wav file of 8, 16, 24 or 32 bits or floats, got 8 bits in mu-law"),
    "an unknown encoding": (
        changed(20, 0x1234),
        "expected a wav file of 8, 16, 24 or 32 bits or floats, got 16 bits in encoding 0x1234",
    ),
    "no channels": (changed(22, 0), "the wav file's format is damaged: 0 channels of 16 bits in 4 bytes, 8000 Hz"),
    "no rate": (changed(24, 0), "the wav file's format is damaged: 2 channels of 16 bits in 4 bytes, 0 Hz"),
    "not a number": (
        written(np.full((3, 1), np.nan), encoding="FLOAT"),
        "the wav file holds values that are not finite",
    ),
    "flac": (written(kind="FLAC"), "expected a wav file, got FLAC"),
    "big-endian": (b"RIFX" + written()[4:], "expected a wav file, got a big-endian wav file"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "expected a wav file, got PNG"),
    "nothing": (b"", "expected a wav file, got an empty file"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(data: bytes, message: str) -> None:
    assert refusal(data) == f"{PATH}: {message}"


def test_a_long_sound_is_refused() -> None:
    assert refusal(written(), limit=99) == f"{PATH}: a wav file of 100 samples, more than 99"
    assert read(written(), limit=100).samples.size == 100


def test_a_file_of_endless_chunks_is_refused() -> None:
    data = written()[:12] + bytes(8) * 100_000
    assert refusal(data) == f"{PATH}: the wav file is damaged or cut short: no format in it"


@given(st.sampled_from(ENCODINGS), st.data())
def test_damaged_files_are_read_or_refused(encoding: str, data: st.DataObject) -> None:
    damaged = bytearray(written(encoding=encoding))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, 63))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        sound = read(bytes(damaged))
    except BadRequest:
        return
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 2
    assert sound.rate > 0
