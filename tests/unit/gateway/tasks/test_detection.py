from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from modelport.api.io import Detection
from modelport.gateway.errors import InternalError
from modelport.gateway.tasks import detection as module
from modelport.gateway.tasks.detection import Detections, read_detections, wanted_outputs
from modelport.gateway.tensors import DTYPES

SIZE = (200, 100)
BOXES = np.array([(10, 20, 30, 40), (50, 10, 90, 60)], np.float32)
SCORES = np.array([0.6, 0.9], np.float32)
CLASSES = np.array([0, 2], np.int64)


def spec(**fields: Any) -> Detection:
    if "yolo" not in fields:
        fields.setdefault("outputs", {"boxes": "boxes", "scores": "scores", "classes": "classes"})
    return Detection.model_validate(fields, strict=False)


def named(**outputs: str) -> dict[str, str]:
    return {"boxes": "boxes", "scores": "scores", **outputs}


def given_outputs(**others: Any) -> dict[str, NDArray[Any]]:
    return {"boxes": BOXES, "scores": SCORES, "classes": CLASSES, **others}


def said(found: Detections) -> list[tuple[list[float], float, int]]:
    return list(zip(found.boxes.tolist(), found.scores.round(4).tolist(), found.classes.tolist(), strict=True))


BOTH = [([50, 10, 90, 60], pytest.approx(0.9), 2), ([10, 20, 30, 40], pytest.approx(0.6), 0)]


@pytest.mark.parametrize(
    ("fields", "outputs"),
    [
        pytest.param({}, {}, id="as they are"),
        pytest.param({}, {"boxes": BOXES[None], "scores": SCORES[None], "classes": CLASSES[None]}, id="a batch of one"),
        pytest.param({}, {"boxes": BOXES[None, None], "scores": SCORES[:, None]}, id="dimensions of size 1 around"),
        pytest.param({}, {"classes": CLASSES.astype(np.float32)}, id="class numbers as floats"),
        pytest.param({}, {"boxes": BOXES.astype(np.float16)}, id="halves"),
        pytest.param({}, {"boxes": BOXES.astype(DTYPES["BF16"])}, id="brain halves"),
        pytest.param({"boxFormat": "yxyx"}, {"boxes": BOXES[:, [1, 0, 3, 2]]}, id="y first"),
        pytest.param({"boxFormat": "xywh"}, {"boxes": np.array([(10, 20, 20, 20), (50, 10, 40, 50)])}, id="sizes"),
        pytest.param({"boxFormat": "cxcywh"}, {"boxes": np.array([(20, 30, 20, 20), (70, 35, 40, 50)])}, id="centres"),
        pytest.param({"boxUnits": "Fractions"}, {"boxes": BOXES / np.float64([200, 100] * 2)}, id="fractions"),
        pytest.param({"classOffset": 1}, {"classes": CLASSES + 1}, id="classes that count from 1"),
        pytest.param(
            {"outputs": named()},
            {"scores": np.array([(0.6, 0.1, 0.2), (0.0, 0.3, 0.9)], np.float32)},
            id="a column for each class",
        ),
        pytest.param(
            {"outputs": named(), "classOffset": 1},
            {"scores": np.array([(0.9, 0.6, 0.1, 0.2), (0.1, 0.0, 0.3, 0.9)], np.float32)},
            id="a column for each class and the background",
        ),
        pytest.param(
            {"outputs": named(classes="classes", count="count")},
            {
                "boxes": np.concatenate([BOXES, BOXES]),
                "scores": np.concatenate([SCORES, SCORES]),
                "classes": np.concatenate([CLASSES, CLASSES]),
                "count": np.array([2.0], np.float32),
            },
            id="a count",
        ),
    ],
)
def test_final_boxes(fields: dict[str, Any], outputs: dict[str, NDArray[Any]]) -> None:
    assert said(read_detections(given_outputs(**outputs), spec(**fields), SIZE)) == BOTH


@pytest.mark.parametrize(
    ("change", "left"),
    [
        pytest.param({"scores": np.array([0.29, 0.31], np.float32)}, 1, id="below the score threshold"),
        pytest.param({"scores": np.array([0.3, 0.31], np.float32)}, 2, id="at the threshold"),
        pytest.param({"scores": np.array([np.nan, np.inf], np.float32)}, 0, id="scores that are no numbers"),
        pytest.param({"boxes": np.array([(0, 0, np.nan, 1), (0, 0, 1, 1)])}, 1, id="a corner that is no number"),
        pytest.param({"boxes": np.array([(5, 0, 5, 1), (0, 1, 1, 0)])}, 0, id="boxes without an area"),
        pytest.param({"classes": np.array([-1, 0])}, 1, id="a class below the first"),
        pytest.param({"classes": np.array([np.nan, 0.9], np.float32)}, 1, id="a class that is no number"),
    ],
)
def test_what_does_not_count_is_left_out(change: dict[str, NDArray[Any]], left: int) -> None:
    assert len(read_detections(given_outputs(**change), spec(), SIZE)) == left


def test_a_single_column_of_scores_needs_no_dimension() -> None:
    found = read_detections(given_outputs(), spec(outputs=named()), SIZE)
    assert found.classes.tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(0, 4), (1, 0, 4)], ids=str)
def test_a_model_that_gives_no_boxes_has_found_nothing(shape: tuple[int, ...]) -> None:
    outputs = {"boxes": np.empty(shape, np.float32), "scores": np.empty((1, 0)), "classes": np.empty((1, 0))}
    assert len(read_detections(outputs, spec(), SIZE)) == 0


@pytest.mark.parametrize("count", [0, -3, 1, 2, 99, np.nan, np.inf])
def test_the_count_is_taken_for_what_it_can_be(count: float) -> None:
    outputs = given_outputs(count=np.array(count, np.float32))
    found = read_detections(outputs, spec(outputs=named(classes="classes", count="count")), SIZE)
    expected = {1: 1, 2: 2, 99: 2}
    assert len(found) == expected.get(count, 0)


@pytest.mark.parametrize("shape", [(2, 4, 6), (1, 2, 4, 6), (2, 1, 4, 6), (1, 2, 1, 4, 6)], ids=str)
def test_masks_follow_their_boxes(shape: tuple[int, ...]) -> None:
    masks = np.arange(48, dtype=np.float32).reshape(2, 4, 6)
    outputs = given_outputs(masks=masks.reshape(shape))
    found = read_detections(outputs, spec(outputs=named(classes="classes", masks="masks")), SIZE)
    assert found.masks is not None
    np.testing.assert_array_equal(found.masks, masks[::-1])


RAW = np.array(
    [
        # cx, cy, w, h, objectness, two classes
        (20, 30, 20, 20, 0.8, 0.5, 0.25),
        (21, 30, 20, 20, 1.0, 0.75, 0.5),
        (20, 30, 20, 20, 1.0, 0.25, 0.625),
        (70, 35, 40, 50, 0.25, 0.9, 0.1),
    ],
    np.float32,
)


@pytest.mark.parametrize("shape", [(4, 7), (1, 4, 7)], ids=str)
def test_a_raw_head_of_v5(shape: tuple[int, ...]) -> None:
    outputs = {"out": RAW.reshape(shape)}
    found = read_detections(outputs, spec(yolo={"output": "out", "layout": "V5"}), SIZE)
    assert said(found) == [([11, 20, 31, 40], 0.75, 0), ([10, 20, 30, 40], 0.625, 1)]


@pytest.mark.parametrize("shape", [(6, 4), (1, 6, 4)], ids=str)
def test_a_raw_head_of_v8(shape: tuple[int, ...]) -> None:
    outputs = {"out": np.delete(RAW, 4, axis=1).T.reshape(shape)}
    found = read_detections(outputs, spec(yolo={"output": "out", "layout": "V8"}), SIZE)
    assert said(found) == [
        ([50, 10, 90, 60], pytest.approx(0.9), 0),
        ([11, 20, 31, 40], 0.75, 0),
        ([10, 20, 30, 40], 0.625, 1),
    ]


def test_a_raw_head_of_one_class_may_have_no_column_for_it() -> None:
    found = read_detections({"out": RAW[:, :5]}, spec(yolo={"output": "out", "layout": "V5"}), SIZE)
    assert said(found) == [([11, 20, 31, 40], 1, 0)]


def test_a_raw_head_in_fractions() -> None:
    raw = RAW[3:] / np.float32([200, 100, 200, 100, 0.25, 1, 1])
    fields = {"yolo": {"output": "out", "layout": "V5"}, "boxUnits": "Fractions"}
    assert said(read_detections({"out": raw}, spec(**fields), SIZE)) == [
        (pytest.approx([50, 10, 90, 60]), pytest.approx(0.9), 0)
    ]


def test_a_raw_head_gives_no_more_than_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RAW_CANDIDATES", 3)
    monkeypatch.setattr(module, "RAW_KEPT", 1)
    fields = {"yolo": {"output": "out", "layout": "V8"}}
    assert len(read_detections({"out": np.delete(RAW, 4, axis=1).T}, spec(**fields), SIZE)) == 1


@pytest.mark.parametrize(
    ("fields", "outputs", "message"),
    [
        pytest.param({}, {"boxes": BOXES[:, :3]}, r"outputs\.boxes: expected shape \[boxes, 4\]", id="three numbers"),
        pytest.param({}, {"scores": SCORES[:1]}, r"outputs\.scores: expected 2 numbers", id="a score too few"),
        pytest.param({}, {"classes": CLASSES[:1]}, r"outputs\.classes: expected 2 numbers", id="a class too few"),
        pytest.param({}, {"boxes": np.array([[b"a"] * 4], object)}, "holds strings", id="boxes of strings"),
        pytest.param({"outputs": named()}, {"scores": np.zeros((1, 3))}, r"\[2, classes\]", id="a row too few"),
        pytest.param(
            {"outputs": named(), "classOffset": 1}, {"scores": SCORES[:, None]}, "classOffset", id="background alone"
        ),
        pytest.param(
            {"outputs": named(masks="masks")}, {"masks": np.zeros((3, 2, 2))}, r"\[2, height, width\]", id="a mask more"
        ),
        pytest.param({"outputs": named(classes="kinds")}, {}, "no output 'kinds'", id="another name"),
        pytest.param(
            {"yolo": {"output": "out", "layout": "V5"}}, {"out": RAW[:, :4]}, r"\[anchors, 5 \+ classes\]", id="V5"
        ),
        pytest.param(
            {"yolo": {"output": "out", "layout": "V8"}}, {"out": RAW[:, :4].T}, r"\[4 \+ classes, anchors\]", id="V8"
        ),
    ],
)
def test_outputs_that_are_not_as_the_spec_says(
    fields: dict[str, Any], outputs: dict[str, NDArray[Any]], message: str
) -> None:
    with pytest.raises(InternalError, match=message):
        read_detections(given_outputs(**outputs), spec(**fields), SIZE)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"outputs": named(masks="m")}, ("boxes", "scores", "m"), id="final boxes"),
        pytest.param({"outputs": named(classes="scores")}, ("boxes", "scores"), id="one output in two roles"),
        pytest.param({"yolo": {"output": "out", "layout": "V8"}}, ("out",), id="a raw head"),
    ],
)
def test_only_what_is_read_is_asked_for(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert wanted_outputs(spec(**fields)) == expected


FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(raw=arrays.arrays(np.float32, (1, 6, 7), elements=FLOATS), layout=st.sampled_from(["V5", "V8"]))
def test_any_numbers_of_a_raw_head_are_read(raw: NDArray[Any], layout: str) -> None:
    found = read_detections({"out": raw}, spec(yolo={"output": "out", "layout": layout}), SIZE)
    assert np.isfinite(found.boxes).all()
    assert (found.scores >= 0.3).all()


@given(
    boxes=arrays.arrays(np.float64, (1, 3, 4), elements=st.floats()),
    scores=arrays.arrays(np.float32, (1, 3), elements=FLOATS),
    classes=arrays.arrays(np.float32, (1, 3), elements=FLOATS),
    count=arrays.arrays(np.float32, (1,), elements=FLOATS),
    box_format=st.sampled_from(["xyxy", "yxyx", "xywh", "cxcywh"]),
)
def test_any_numbers_of_final_boxes_are_read(box_format: str, **outputs: NDArray[Any]) -> None:
    fields = spec(boxFormat=box_format, boxUnits="Fractions", outputs=named(classes="classes", count="count"))
    found = read_detections(outputs, fields, SIZE)
    assert np.isfinite(found.boxes).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
