"""The way from the model's pixels back to the picture, through every resize policy."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelport.api.io import ResizePolicy
from modelport.gateway.preprocess import place

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
POLICIES = get_args(ResizePolicy)


def forward(
    points: NDArray[np.float64], size: tuple[int, int], model: tuple[int, int], policy: str
) -> NDArray[np.float64]:
    """Say where fractions of the picture lie in the model's picture, from what the policies promise in words."""
    (width, height), (model_width, model_height) = size, model
    if policy in ("Exact", "Stretch"):
        return points * model
    if policy == "Letterbox":
        scale = min(model_width / width, model_height / height)
        inner = np.array([max(1, round(width * scale)), max(1, round(height * scale))])
        return points * inner + (np.array(model) - inner) // 2
    scale = max(model_width / width, model_height / height)
    covering = np.array([width * scale, height * scale])
    return points * covering - (covering - model) / 2


@given(SIZES, SIZES, st.sampled_from(POLICIES))
def test_there_and_back(size: tuple[int, int], model: tuple[int, int], policy: ResizePolicy) -> None:
    points = np.random.default_rng(8).uniform(0, 1, (3, 4, 2))
    there = forward(points, size, model, policy)
    back = place(size, model, policy).to_original(there)
    assert back.shape == points.shape
    assert np.allclose(back, points, rtol=0, atol=1e-9)


@given(SIZES, SIZES, st.sampled_from(POLICIES))
def test_rectangles_stay_inside(size: tuple[int, int], model: tuple[int, int], policy: ResizePolicy) -> None:
    placement = place(size, model, policy)
    for box, (width, height) in ((placement.source, size), (placement.target, model)):
        left, top, right, bottom = box.corners
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


@given(SIZES, SIZES)
def test_letterbox_and_crop_touch_two_borders(size: tuple[int, int], model: tuple[int, int]) -> None:
    inner, part = place(size, model, "Letterbox").target, place(size, model, "CenterCrop").source
    assert inner.width == model[0] or inner.height == model[1]
    assert part.width == size[0] or part.height == size[1]


@pytest.mark.parametrize(
    ("policy", "corners"),
    [
        ("Stretch", [[0, 0], [1, 1]]),
        ("Letterbox", [[0, -0.5], [1, 1.5]]),
        ("CenterCrop", [[0.25, 0], [0.75, 1]]),
    ],
)
def test_the_corners_of_the_models_picture(policy: ResizePolicy, corners: list[list[float]]) -> None:
    assert place((200, 100), (48, 48), policy).to_original(np.array([[0, 0], [48, 48]])).tolist() == corners


def test_integers_and_half_floats_are_points_too() -> None:
    placement = place((300, 300), (100, 100), "Stretch")
    assert placement.to_original(np.array([50, 25], np.int32)).tolist() == [0.5, 0.25]
    assert placement.to_original(np.array([50, 25], np.float16)).tolist() == [0.5, 0.25]
    assert placement.to_original(np.empty((0, 2))).shape == (0, 2)
