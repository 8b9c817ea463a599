"""A model that hears which of the twelve notes from middle C on a sound has most of, by arithmetic alone.

Half a second at 8000 Hz is held against a cosine and a sine of each note: the Fourier transform at twelve frequencies,
written as one matrix. How much of the sound is in a note is the note's probability.
"""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LABELS = ("C4", "C#4", "D4", "D#4", "E4", "F4", "F#4", "G4", "G#4", "A4", "A#4", "B4")
RATE = 8000
LENGTH = 4000

NOTES = """
<ir_version: 8, opset_import: ["": 17]>
notes (float[batch, 4000, 1] x) => (float[batch, 12] probabilities)
<int64[1] channel = {2}, int64[3] in_pairs = {0, 12, 2}, int64[1] pair = {2}, int64[1] last = {1},
 float silence = {1.0e-6}>
{
    samples = Squeeze(x, channel)
    waves = MatMul(samples, matrix)
    pairs = Reshape(waves, in_pairs)
    squares = Mul(pairs, pairs)
    powers = ReduceSum<keepdims: int = 0>(squares, pair)
    held = Add(powers, silence)
    whole = ReduceSum<keepdims: int = 1>(held, last)
    probabilities = Div(held, whole)
}
"""


def frequencies() -> Array:
    """Return the notes' frequencies in Hz, [12], tuned equally to A4 = 440 Hz."""
    return 440 * 2 ** ((np.arange(len(LABELS)) - LABELS.index("A4")) / 12)


def matrix() -> Array:
    """Return the transform, FP32 [4000, 24]: a cosine and a sine of each note, side by side, in a Hann window."""
    turns = 2 * np.pi * np.outer(np.arange(LENGTH) / RATE, frequencies())
    waves = np.stack([np.cos(turns), np.sin(turns)], axis=2).reshape(LENGTH, 2 * len(LABELS))
    return (np.hanning(LENGTH)[:, np.newaxis] * waves).astype(np.float32)


def tone(label: str, rate: int = RATE) -> Array:
    """Return half a second of a note, int16 [rate / 2]."""
    seconds = np.arange(rate // 2) / rate
    return np.rint(16384 * np.sin(2 * np.pi * frequencies()[LABELS.index(label)] * seconds)).astype(np.int16)


def wav_bytes(samples: Array, rate: int = RATE) -> bytes:
    """Encode one channel, int16 [length], as a wav file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
