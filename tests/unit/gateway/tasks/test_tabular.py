"""What tabular models give, in the ways in which exporters write them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from modelport.gateway.errors import InternalError
from modelport.gateway.tasks.tabular import Predictions, classify, contributions, prediction_output, regress
from modelport.gateway.tensors import ModelMeta, TensorSpec

LABELS = ("x", "y", "z")


def meta(**outputs: str) -> ModelMeta:
    specs = {name: TensorSpec(name, dtype, (-1,)) for name, dtype in outputs.items()}
    return ModelMeta("m", 1, "onnx", 8, {}, specs)


@pytest.mark.parametrize(
    ("outputs", "name"),
    [
        pytest.param({"y": "INT64"}, "y", id="the only one"),
        pytest.param({"contributions": "FP32", "y": "BYTES"}, "y", id="the only one beside contributions"),
        pytest.param({"label": "INT64", "probabilities": "FP32"}, "probabilities", id="the only one of floats"),
    ],
)
def test_the_prediction_is(outputs: dict[str, str], name: str) -> None:
    assert prediction_output(meta(**outputs)) == name


@pytest.mark.parametrize("outputs", [{}, {"a": "FP32", "b": "FP64"}, {"a": "INT64", "b": "BYTES"}])
def test_which_one_is_the_prediction_must_be_plain(outputs: dict[str, str]) -> None:
    with pytest.raises(InternalError, match=r"spec\.io\.task: the prediction: expected one output"):
        prediction_output(meta(**outputs))


def classified(values: Any, dtype: Any = np.float32, rows: int = 2) -> Predictions:
    return classify({"y": np.array(values, dtype)}, "y", rows, LABELS)


class TestClassify:
    def test_probabilities_stay_as_they_are(self) -> None:
        found = classified([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])
        assert found.values == ["y", "x"]
        assert found.classes.tolist() == [1, 0]
        assert found.probabilities is not None
        assert found.probabilities.dtype == np.float32
        np.testing.assert_array_equal(found.probabilities, np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], np.float32))

    def test_logits_go_through_softmax_row_by_row(self) -> None:
        found = classified([[math.log(2), 0, 0], [0.5, 0.25, 0.25]])
        assert found.probabilities is not None
        assert found.probabilities.tolist() == [pytest.approx([0.5, 0.25, 0.25])] * 2

    def test_a_single_score_is_the_second_of_two_classes(self) -> None:
        found = classified([[0.25], [0.75]])
        assert found.values == ["x", "y"]
        assert found.probabilities is not None
        assert found.probabilities.tolist() == [[0.75, 0.25], [0.25, 0.75]]

    def test_of_a_row_without_finite_scores_nothing_is_said(self) -> None:
        found = classified([[np.nan, 0, 0], [0.5, 0.25, 0.25]])
        assert found.values == ["", "x"]
        assert found.classes.tolist() == [-1, 0]
        assert found.probabilities is not None
        assert np.isnan(found.probabilities[0]).all()
        assert found.probabilities[1].tolist() == [0.5, 0.25, 0.25]

    @pytest.mark.parametrize("values", [[2, 0], [[2], [0]]], ids=["[rows]", "[rows, 1]"])
    def test_integers_are_class_numbers(self, values: Any) -> None:
        found = classified(values, np.int64)
        assert (found.values, found.classes.tolist(), found.probabilities) == (["z", "x"], [2, 0], None)

    def test_a_class_beyond_the_labels_is_its_number(self) -> None:
        assert classified([3, 0], np.int64).values == ["3", "x"]

    def test_a_number_below_zero_is_no_place_in_the_labels(self) -> None:
        found = classified([-2, 1], np.int64)
        assert (found.values, found.classes.tolist()) == (["-2", "y"], [-1, 1])

    def test_text_is_the_class(self) -> None:
        found = classified(["é".encode(), b""], object)
        assert (found.values, found.probabilities) == (["é", ""], None)

    def test_one_row_of_a_model_that_does_not_batch(self) -> None:
        assert classified([0.1, 0.7, 0.2], rows=1).values == ["y"]

    def test_text_that_is_none_is_the_models_fault(self) -> None:
        with pytest.raises(InternalError, match="expected names in UTF-8"):
            classified([b"\xff", b""], object)

    @pytest.mark.parametrize("values", [[[0.5, 0.5]], [[[1, 2], [3, 4]], [[1, 2], [3, 4]]]])
    def test_scores_of_another_shape_are_the_models_fault(self, values: Any) -> None:
        with pytest.raises(InternalError, match=r"expected \[2, classes\]"):
            classified(values)

    def test_texts_of_other_rows_are_the_models_fault(self) -> None:
        with pytest.raises(InternalError, match="expected one value for each of 2 rows"):
            classified([b"a"], object)


class TestRegress:
    @pytest.mark.parametrize("values", [[0.1, np.nan], [[0.1], [np.nan]]], ids=["[rows]", "[rows, 1]"])
    def test_a_number_a_row(self, values: Any) -> None:
        found = regress({"y": np.array(values, np.float32)}, "y", 2)
        assert (found.values, found.classes.tolist(), found.probabilities) == (["0.1", ""], [0, 0], None)

    def test_several_numbers_a_row_are_the_models_fault(self) -> None:
        with pytest.raises(InternalError, match="expected one value for each of 2 rows"):
            regress({"y": np.zeros((2, 2))}, "y", 2)

    def test_text_is_the_models_fault(self) -> None:
        with pytest.raises(InternalError, match="expected numbers"):
            regress({"y": np.array([b"1", b"2"], object)}, "y", 2)


CLASSES = np.array([1, -1])
OF_CLASSES = np.arange(12.0).reshape(2, 2, 3)


class TestContributions:
    def test_of_classes_those_of_the_rows_own_class_count(self) -> None:
        parts = contributions({"contributions": OF_CLASSES}, CLASSES, 3)
        assert parts[0].tolist() == [3, 4, 5]
        assert np.isnan(parts[1]).all(), "nothing is said of this row"

    def test_of_columns_alone_they_stay_as_they_are(self) -> None:
        parts = contributions({"contributions": OF_CLASSES[:, 0]}, CLASSES, 3)
        assert parts.tolist() == [[0, 1, 2], [6, 7, 8]]

    def test_one_row_of_a_model_that_does_not_batch(self) -> None:
        parts = contributions({"contributions": OF_CLASSES[0]}, CLASSES[:1], 3)
        assert parts.tolist() == [[3, 4, 5]]

    @pytest.mark.parametrize(
        ("shape", "classes"), [((2, 4), [0, 0]), ((1, 3), [0, 0]), ((2, 2, 4), [0, 0]), ((2, 2, 3), [0, 2])]
    )
    def test_another_shape_is_the_models_fault(self, shape: tuple[int, ...], classes: list[int]) -> None:
        with pytest.raises(InternalError, match=r"expected \[2, 3\] or \[2, classes, 3\]"):
            contributions({"contributions": np.zeros(shape)}, np.array(classes), 3)
