from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.api.io import BoxFormat
from modelport.gateway.tasks.boxes import area, overlap, to_corners

FROM_CORNERS = {
    "xyxy": lambda x0, y0, x1, y1: (x0, y0, x1, y1),
    "yxyx": lambda x0, y0, x1, y1: (y0, x0, y1, x1),
    "xywh": lambda x0, y0, x1, y1: (x0, y0, x1 - x0, y1 - y0),
    "cxcywh": lambda x0, y0, x1, y1: ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0),
}
COORDINATES = st.integers(-4096, 4096)
CORNERS = st.lists(st.tuples(COORDINATES, COORDINATES, COORDINATES, COORDINATES), max_size=8)


def test_every_layout_of_the_resource_is_known() -> None:
    assert set(FROM_CORNERS) == set(get_args(BoxFormat))


@pytest.mark.parametrize("box_format", FROM_CORNERS)
@given(corners=CORNERS)
def test_boxes_in_every_layout_come_back_to_their_corners(
    box_format: BoxFormat, corners: list[tuple[int, ...]]
) -> None:
    expected = np.array(corners, np.float64).reshape(-1, 4)
    written = np.array([FROM_CORNERS[box_format](*box) for box in corners], np.float32).reshape(-1, 4)
    np.testing.assert_array_equal(to_corners(written, box_format), expected)


def test_area_of_a_box_that_is_inside_out_is_none() -> None:
    np.testing.assert_array_equal(area(np.array([(0.0, 0, 2, 3), (2, 0, 0, 3), (2, 3, 0, 0)])), [6, 0, 0])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param((0, 0, 2, 2), (0, 0, 2, 2), 1, id="itself"),
        pytest.param((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3, id="half of each"),
        pytest.param((0, 0, 2, 2), (2, 0, 4, 2), 0, id="neighbours"),
        pytest.param((0, 0, 4, 4), (1, 1, 2, 2), 1 / 16, id="one inside the other"),
        pytest.param((1, 1, 1, 1), (1, 1, 1, 1), 0, id="two points"),
    ],
)
def test_overlap(one: tuple[float, ...], other: tuple[float, ...], expected: float) -> None:
    assert overlap(np.array(one, float), np.array([other], float)).tolist() == [pytest.approx(expected)]


@given(
    box=st.tuples(COORDINATES, COORDINATES, COORDINATES, COORDINATES),
    other=st.tuples(COORDINATES, COORDINATES, COORDINATES, COORDINATES),
)
def test_overlap_is_the_same_both_ways_and_a_fraction(box: tuple[int, ...], other: tuple[int, ...]) -> None:
    there, back = (overlap(np.array(a, float), np.array([b], float))[0] for a, b in ((box, other), (other, box)))
    assert there == back
    assert 0 <= there <= 1
