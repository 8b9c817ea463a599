from __future__ import annotations

import numpy as np
import pytest

from modelport.gateway.preprocess import place
from modelport.gateway.tasks.detection import Detections
from modelport.gateway.tasks.predictions import Prediction, best_class, class_name, decimals, locate


def found(*boxes: tuple[float, ...], masks: list[list[list[float]]] | None = None) -> Detections:
    count = len(boxes)
    drawn = None if masks is None else np.array(masks, np.float32)
    return Detections(np.array(boxes, float), np.full(count, 0.9, np.float32), np.zeros(count, np.int64), drawn)


@pytest.mark.parametrize(
    ("policy", "original", "model", "box", "expected"),
    [
        pytest.param("Exact", (200, 100), (200, 100), (20, 10, 100, 50), (0.1, 0.1, 0.5, 0.5), id="exact"),
        pytest.param("Stretch", (800, 100), (200, 100), (20, 10, 100, 50), (0.1, 0.1, 0.5, 0.5), id="stretched"),
        pytest.param("Letterbox", (200, 100), (100, 100), (10, 25, 60, 75), (0.1, 0, 0.6, 1), id="letterboxed"),
        pytest.param("Letterbox", (200, 100), (100, 100), (0, 0, 50, 50), (0, 0, 0.5, 0.5), id="partly in the border"),
        pytest.param("CenterCrop", (200, 100), (50, 50), (0, 0, 25, 50), (0.25, 0, 0.5, 1), id="cropped"),
    ],
)
def test_boxes_come_back_to_the_original_picture(
    policy: str, original: tuple[int, int], model: tuple[int, int], box: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    placement = place(original, model, policy)  # type: ignore[arg-type]
    (prediction,) = locate(found(box), model, placement.to_original, 0.5)
    assert prediction == Prediction(0, 0.9, pytest.approx(expected))


def test_a_box_in_the_border_alone_is_left_out() -> None:
    placement = place((200, 100), (100, 100), "Letterbox")
    assert locate(found((0, 0, 50, 20)), (100, 100), placement.to_original, 0.5) == ()


def test_an_outline_comes_back_as_its_box_does() -> None:
    mask = np.zeros((100, 100))
    mask[30:60, 20:50] = 1
    placement = place((200, 100), (100, 100), "Letterbox")
    (prediction,) = locate(found((20, 30, 50, 60), masks=[mask.tolist()]), (100, 100), placement.to_original, 0.5)
    assert prediction.contour is not None
    assert set(prediction.contour) == {(0.2, 0.1), (0.2, 0.7), (0.5, 0.7), (0.5, 0.1)}


def test_an_object_with_an_empty_mask_has_its_box_as_outline() -> None:
    placement = place((100, 100), (100, 100), "Exact")
    (prediction,) = locate(found((20, 30, 50, 60), masks=[[[0, 0], [0, 0]]]), (100, 100), placement.to_original, 0.5)
    assert prediction.contour == ((0.2, 0.3), (0.2, 0.6), (0.5, 0.6), (0.5, 0.3))


def test_confidence_is_what_a_caller_would_write() -> None:
    assert decimals(np.array([0.9, 1e-7, 0.3], np.float32)) == [0.9, 1e-7, 0.3]
    assert best_class(np.array([0.1, 0.7, 0.2], np.float32)) == Prediction(1, 0.7)


def test_a_class_beyond_the_labels_is_named_by_its_number() -> None:
    assert [class_name(label, ["cat", "dog"]) for label in (0, 1, 2)] == ["cat", "dog", "2"]
