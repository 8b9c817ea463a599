from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelport.gateway.tasks.boxes import overlap
from modelport.gateway.tasks.suppression import suppress

HALVES = np.array([(0, 0, 2, 2), (1, 0, 3, 2), (2, 0, 4, 2)], np.float64)
"""The middle one overlaps each neighbour by a third; the outer two do not touch."""
SAME = np.zeros(3, np.int64)


def test_the_best_stays_and_its_rivals_go() -> None:
    assert suppress(HALVES, np.array([0.5, 0.9, 0.8]), SAME, 0.3).tolist() == [1]


def test_what_a_dropped_box_overlapped_stays() -> None:
    assert suppress(HALVES, np.array([0.9, 0.8, 0.5]), SAME, 0.3).tolist() == [0, 2]


def test_an_overlap_of_exactly_the_threshold_stays() -> None:
    halves = np.array([(0, 0, 2, 1), (0, 0, 1, 1)], np.float64)
    assert suppress(halves, np.array([0.9, 0.8]), SAME[:2], 0.5).tolist() == [0, 1]


def test_other_classes_are_no_rivals() -> None:
    assert suppress(HALVES, np.array([0.5, 0.9, 0.8]), np.array([0, 1, 0]), 0.0).tolist() == [1, 2, 0]


def test_of_equal_scores_the_first_is_better() -> None:
    assert suppress(HALVES[[0, 0]], np.array([0.5, 0.5]), SAME[:2], 0.5).tolist() == [0]


def test_no_more_are_kept_than_asked_for() -> None:
    assert suppress(HALVES, np.array([0.5, 0.9, 0.8]), SAME, 1.0, keep=2).tolist() == [1, 2]


def test_nothing_of_nothing() -> None:
    assert suppress(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64), 0.5).tolist() == []


def slow_suppress(boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any], threshold: float) -> list[int]:
    """The definition, box by box."""
    stays: list[int] = []
    for place in sorted(range(len(boxes)), key=lambda each: (-scores[each], each)):
        rivals = [each for each in stays if classes[each] == classes[place]]
        if all(overlap(boxes[each], boxes[[place]])[0] <= threshold for each in rivals):
            stays.append(place)
    return stays


@given(
    boxes=st.lists(st.tuples(*[st.integers(0, 8)] * 4, st.integers(0, 2), st.integers(0, 4)), max_size=12),
    threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_it_is_what_the_definition_gives(boxes: list[tuple[int, ...]], threshold: float) -> None:
    numbers = np.array(boxes, np.float64).reshape(-1, 6)
    corners = np.concatenate([numbers[:, :2], numbers[:, :2] + numbers[:, 2:4]], axis=1)
    classes, scores = numbers[:, 4].astype(int), numbers[:, 5] / 4
    assert suppress(corners, scores, classes, threshold).tolist() == slow_suppress(corners, scores, classes, threshold)
