from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelport.gateway.tasks.masks import object_outline, outline

Points = list[tuple[float, float]]


def draw(*rows: str) -> NDArray[np.bool_]:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def polygon_area(points: NDArray[Any]) -> float:
    return float(cv2.contourArea(points.astype(np.float32)))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(["....", ".##.", ".##.", "...."], {(1, 1), (1, 3), (3, 3), (3, 1)}, id="a square"),
        pytest.param(["...", "..#"], {(2, 1), (2, 2), (3, 2), (3, 1)}, id="a single pixel at the edge"),
        pytest.param(["##", "##"], {(0, 0), (0, 2), (2, 2), (2, 0)}, id="all of the mask"),
        pytest.param(["###", "#.#", "###"], {(0, 0), (0, 3), (3, 3), (3, 0)}, id="a hole is filled"),
        pytest.param(["#....", "...##", "...##"], {(3, 1), (3, 3), (5, 3), (5, 1)}, id="the largest of two parts"),
    ],
)
def test_outline_runs_along_the_pixels_edges(rows: list[str], expected: set[tuple[int, int]]) -> None:
    points = outline(draw(*rows))
    assert {tuple(point) for point in points.tolist()} == expected
    assert len(points) == len(expected)


def test_an_empty_mask_has_no_outline() -> None:
    assert outline(np.zeros((4, 4), bool)).shape == (0, 2)


def test_a_slanting_edge_is_a_line_and_not_its_steps() -> None:
    triangle = np.tril(np.ones((40, 40), bool))
    points = outline(triangle)
    assert len(points) < 6
    assert polygon_area(points) == pytest.approx(triangle.sum(), abs=0.5 * 40 * 2**0.5)


@given(radius=st.integers(5, 24), height=st.integers(50, 60), width=st.integers(50, 60))
def test_a_disc_keeps_its_area(radius: int, height: int, width: int) -> None:
    y, x = np.mgrid[:height, :width]
    disc = (x - 25) ** 2 + (y - 25) ** 2 <= radius**2
    points = outline(disc)
    assert polygon_area(points) == pytest.approx(disc.sum(), abs=0.25 * 2 * np.pi * radius)
    assert len(points) < 3 * radius


@given(pixels=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=6))
def test_any_mask_has_a_polygon_around_some_of_it(pixels: list[list[bool]]) -> None:
    mask = np.array(pixels)
    points = outline(mask)
    if not mask.any():
        assert len(points) == 0
    else:
        assert len(points) >= 3
        assert polygon_area(points) > 0
        assert (points >= 0).all()
        assert (points <= (mask.shape[1], mask.shape[0])).all()


def corners(points: NDArray[Any]) -> tuple[float, float, float, float]:
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def test_a_mask_of_the_inputs_size_lies_where_it_is() -> None:
    mask = np.zeros((6, 8), np.float32)
    mask[1:3, 2:6] = 0.9
    assert corners(object_outline(mask, np.array([0.0, 0, 8, 6]), (8, 6), 0.5)) == (2, 1, 6, 3)


def test_a_mask_of_the_box_is_drawn_into_the_box() -> None:
    full = np.ones((4, 4), np.float32)
    assert corners(object_outline(full, np.array([10.0, 20, 30, 60]), (100, 100), 0.5)) == (10, 20, 30, 60)


def test_a_mask_of_half_the_box_is_half_of_it() -> None:
    left = np.zeros((28, 28), np.float32)
    left[:, :14] = 1
    found = corners(object_outline(left, np.array([10.0, 20, 66, 76]), (100, 100), 0.5))
    assert found == pytest.approx((10, 20, 38, 76), abs=0.5)


def test_the_threshold_counts_from_its_own_value() -> None:
    mask = np.full((4, 4), 0.25, np.float32)
    box = np.array([0.0, 0, 4, 4])
    assert len(object_outline(mask, box, (4, 4), 0.25)) == 4
    assert len(object_outline(mask, box, (4, 4), 0.26)) == 0


def test_a_box_much_larger_than_the_input_costs_no_memory() -> None:
    box = np.array([-1e8, -1e8, 1e8, 1e8])
    assert corners(object_outline(np.ones((2, 2), np.float32), box, (64, 64), 0.5)) == (-1e8, -1e8, 1e8, 1e8)
