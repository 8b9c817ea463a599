from __future__ import annotations

import numpy as np
import pytest

from modelport.gateway.errors import InternalError
from modelport.gateway.tasks.classification import (
    binary_doubt,
    class_scores,
    doubt,
    probabilities,
    scores_output,
    softmax,
)
from modelport.gateway.tensors import ModelMeta, TensorSpec


def meta(**outputs: str) -> ModelMeta:
    return ModelMeta("m", 1, "onnx", 8, {}, {name: TensorSpec(name, dtype, (-1, 3)) for name, dtype in outputs.items()})


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param({"scores": "FP32"}, "scores", id="the only output"),
        pytest.param({"scores": "INT64"}, "scores", id="the only output, of integers"),
        pytest.param({"label": "INT64", "probabilities": "FP32"}, "probabilities", id="the only one of floats"),
    ],
)
def test_the_scores_are_found(outputs: dict[str, str], expected: str) -> None:
    assert scores_output(meta(**outputs)) == expected


def test_two_outputs_of_floats_are_an_error_that_names_them() -> None:
    with pytest.raises(InternalError, match="'scores', 'features'"):
        scores_output(meta(scores="FP32", features="FP32"))


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        pytest.param((2, 3), 2, id="as it should be"),
        pytest.param((2, 3, 1, 1), 2, id="channels of one pixel"),
        pytest.param((2, 1, 3), 2, id="a dimension between"),
        pytest.param((1, 3), 1, id="one row"),
        pytest.param((3,), 1, id="a model that does not batch"),
    ],
)
def test_dimensions_of_size_one_are_ignored(shape: tuple[int, ...], rows: int) -> None:
    scores = np.arange(rows * 3, dtype=np.float32)
    found = class_scores({"s": scores.reshape(shape)}, "s", rows)
    np.testing.assert_array_equal(found, scores.reshape(rows, 3))


@pytest.mark.parametrize("shape", [(3, 2), (2, 2, 2), (2, 0), (), (6,)], ids=str)
def test_scores_of_another_shape_are_the_models_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(InternalError, match=r"expected \[2, classes\]"):
        class_scores({"s": np.zeros(shape, np.float32)}, "s", 2)


def test_strings_are_no_scores() -> None:
    with pytest.raises(InternalError, match="strings"):
        class_scores({"s": np.array([[b"a"]], np.object_)}, "s", 1)


def test_probabilities_stay_as_they_are() -> None:
    chances = np.array([0.1, 0.7, 0.2], np.float32)
    assert probabilities(chances) is chances


def test_logits_go_through_softmax() -> None:
    logits = np.array([1.0, 3.0, -2.0], np.float32)
    found = probabilities(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.exp(logits) / np.exp(logits).sum(), rtol=1e-6)


def test_large_logits_do_not_overflow() -> None:
    np.testing.assert_array_equal(softmax(np.array([1000.0, -1000.0])), [1, 0])


def test_a_single_score_is_the_chance_of_the_second_class() -> None:
    np.testing.assert_allclose(probabilities(np.array([0.75])), [0.25, 0.75])


@pytest.mark.parametrize("scores", [[np.nan, 1], [np.inf, 0], [1.5], [-0.5]], ids=str)
def test_scores_that_mean_nothing_are_the_models_error(scores: list[float]) -> None:
    with pytest.raises(InternalError):
        probabilities(np.array(scores))


@pytest.mark.parametrize(
    ("chances", "expected"),
    [([0.25] * 4, 1.0), ([1, 0, 0], 0.0), ([1], 0.0), ([0.5, 0.5, 0, 0], 0.5)],
    ids=["a guess", "sure", "one class", "one bit of two"],
)
def test_doubt(chances: list[float], expected: float) -> None:
    assert doubt(np.array(chances, float)) == pytest.approx(expected)


def test_doubt_of_a_yes_and_a_no() -> None:
    assert binary_doubt(0.5) == 1
    assert binary_doubt(1) == binary_doubt(0) == 0
    assert binary_doubt(0.9) == pytest.approx(binary_doubt(0.1))
