"""Sounds to tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soxr

from modelport.api.io import AudioInput
from modelport.gateway.codecs.audio import Sound
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.preprocess import prepare_sound
from modelport.gateway.tensors import ANY, Array, TensorSpec

PATH = "inputs[0].data"
STEREO = Sound(np.arange(-10, 10, dtype=np.float32).reshape(10, 2), 8000)
MONO = Sound(STEREO.samples[:, :1], 8000)


def prepare(sound: Sound, shape: tuple[int, ...], dtype: str = "FP32", **spec: Any) -> Array:
    return prepare_sound(sound, AudioInput(**spec), TensorSpec("x", dtype, shape), PATH, elements=100)


SHAPES = {
    "stereo": (STEREO, "LC", (ANY, 10, 2), (1, 10, 2)),
    "stereo of any length": (STEREO, "LC", (ANY, ANY, 2), (1, 10, 2)),
    "stereo, channels first": (STEREO, "CL", (ANY, 2, 10), (1, 2, 10)),
    "stereo without a batch": (STEREO, "LC", (10, 2), (10, 2)),
    "stereo, channels first, without a batch": (STEREO, "CL", (2, 10), (2, 10)),
    "mono": (MONO, "LC", (ANY, 10, 1), (1, 10, 1)),
    "mono without channels": (MONO, "LC", (ANY, 10), (1, 10)),
    "mono of any length without channels": (MONO, "LC", (ANY, ANY), (1, 10)),
    "mono without a batch": (MONO, "LC", (ANY, 1), (10, 1)),
    "mono, length alone": (MONO, "CL", (10,), (10,)),
}


@pytest.mark.parametrize(("sound", "layout", "shape", "expected"), SHAPES.values(), ids=SHAPES)
def test_the_tensor_has_the_models_rank(
    sound: Sound, layout: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    array = prepare(sound, shape, layout=layout)
    assert array.shape == expected
    assert array.dtype == np.float32
    ordered = sound.samples.T if layout == "CL" else sound.samples
    assert array.ravel().tolist() == ordered.ravel().tolist()


def test_values_are_scaled() -> None:
    assert prepare(MONO, (ANY, 10), scale=0.5)[0].tolist() == (MONO.samples[:, 0] / 2).tolist()


def test_integers_are_rounded_and_kept_in_range() -> None:
    sound = Sound(np.array([[-40000], [-1.6], [0.4], [32768]], np.float32), 8000)
    assert prepare(sound, (ANY, 4), "INT16")[0].tolist() == [-32768, -2, 0, 32767]


def test_half_floats_overflow_to_infinity() -> None:
    sound = Sound(np.array([[30000]], np.float32), 8000)
    assert prepare(sound, (ANY, 1, 1), "FP16", scale=10)[0].tolist() == [[np.inf]]


def test_a_rate_that_the_spec_names_is_made() -> None:
    array = prepare(STEREO, (ANY, ANY, 2), sampleRate=16000)
    assert (array[0] == soxr.resample(STEREO.samples, 8000, 16000)).all()
    assert array.shape == (1, 20, 2)


def test_a_tone_keeps_its_pitch() -> None:
    seconds = np.arange(4000) / 8000
    tone = Sound(np.sin(2 * np.pi * 440 * seconds).astype(np.float32)[:, None], 8000)
    made = prepare_sound(tone, AudioInput(sampleRate=16000), TensorSpec("x", "FP32", (ANY, ANY)), PATH)[0]
    assert np.argmax(np.abs(np.fft.rfft(made))) * 16000 / len(made) == pytest.approx(440, abs=2)


def test_the_files_own_rate_changes_nothing() -> None:
    assert (prepare(MONO, (ANY, 10), sampleRate=8000)[0] == MONO.samples[:, 0]).all()


def test_a_rate_that_makes_too_much_is_refused_before_it_is_made() -> None:
    with pytest.raises(BadRequest) as caught:
        prepare(STEREO, (ANY, ANY, 2), sampleRate=48000)
    assert str(caught.value) == f"{PATH}: a sound of more than 100 samples at 48000 Hz"


@pytest.mark.parametrize(
    ("sound", "shape"), [(MONO, (ANY, 11)), (STEREO, (ANY, 10)), (MONO, (ANY, 10, 2)), (STEREO, (ANY, 3, 5, 2))]
)
def test_another_length_or_number_of_channels_is_refused(sound: Sound, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadRequest) as caught:
        prepare(sound, shape)
    assert str(caught.value) == (
        f"{PATH}: the model takes a sound of shape {list(shape)} (LC, after the batch), "
        f"got 10 samples in {sound.samples.shape[1]} channels"
    )


def test_a_tensor_of_strings_is_no_sound() -> None:
    with pytest.raises(InternalError) as caught:
        prepare(MONO, (ANY, 10), "BYTES")
    assert str(caught.value) == "spec.io: a sound cannot be a tensor of BYTES"
