from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from modelport.api import PublishedModelSpec
from modelport.gateway import errors
from modelport.gateway.formats.base import Call, Model
from modelport.gateway.formats.nexus import Nexus
from modelport.gateway.tensors import Array, InferResult, ModelMeta, TensorSpec

NEXUS = Nexus()
CALL = Call("POST", "/m/predict", NEXUS.routes[0])
LABELS = ("acorn", "squirrel", "tree")


def model(shape: tuple[int, ...] = (-1, 32, 32, 3), masks: bool = True, **image: Any) -> Model:
    outputs = {"boxes": "boxes", "scores": "scores", "classes": "classes"} | ({"masks": "masks"} if masks else {})
    io_block = {
        "task": "InstanceSegmentation" if masks else "ObjectDetection",
        "inputs": [{"name": "image", "kind": "Image", "image": {"layout": "NHWC", **image}}],
        "detection": {"outputs": outputs},
    }
    blocks = {"model": {"name": "m", "format": "ONNX", "source": {"uri": "file:m"}}, "io": io_block}
    specs = {name: TensorSpec(name, "FP32", (-1, -1)) for name in outputs}
    meta = ModelMeta("m", 1, "onnx", 8, {"image": TensorSpec("image", "UINT8", shape)}, specs)
    return Model("m", PublishedModelSpec.model_validate(blocks, strict=False), LABELS, meta)


def picture(width: int, height: int, **more: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return json.dumps({"image_type": "base64", "data": base64.b64encode(file.getvalue()).decode(), **more}).encode()


def ask(served: Model, body: bytes, answer: dict[str, Array], **query: str) -> dict[str, Any]:
    call = Call("POST", "/m/predict", NEXUS.routes[0], query=query, body=body)
    request = NEXUS.decode(call, served)
    reply = NEXUS.encode(InferResult(answer, 1), request, call, served)
    assert reply.status == 200
    worded: dict[str, Any] = json.loads(reply.body)
    return worded


def answer(masks: Array | None = None) -> dict[str, Array]:
    """A square of 16 pixels at (8, 8), and a small one at (24, 0)."""
    found = {
        "boxes": np.array([[(8, 8, 24, 24), (24, 0, 32, 8)]], np.float32),
        "scores": np.array([[0.9, 0.6]], np.float32),
        "classes": np.array([[1, 2]], np.float32),
    }
    return found if masks is None else found | {"masks": masks}


def full_masks() -> Array:
    masks = np.zeros((1, 2, 32, 32), np.float32)
    masks[0, 0, 8:24, 8:24] = 1
    masks[0, 1, 0:8, 24:32] = 1
    return masks


@pytest.mark.parametrize(
    ("size", "image", "bound"),
    [
        pytest.param((32, 32), {}, [0.25, 0.25, 0.75, 0.75], id="the model's own size"),
        pytest.param((640, 480), {"resize": "Stretch"}, [0.25, 0.25, 0.75, 0.75], id="stretched"),
        pytest.param((64, 32), {"resize": "Letterbox"}, [0.25, 0, 0.75, 1], id="letterboxed"),
        pytest.param((64, 32), {"resize": "CenterCrop"}, [0.375, 0.25, 0.625, 0.75], id="cropped"),
    ],
)
@pytest.mark.parametrize("masks", [None, full_masks(), np.ones((1, 2, 8, 8), np.float32)], ids=["boxes", "full", "own"])
def test_what_was_found_lies_in_the_original_picture(
    size: tuple[int, int], image: dict[str, str], bound: list[float], masks: Array | None
) -> None:
    found = ask(model(masks=masks is not None, **image), picture(*size), answer(masks))["predictions"][0]
    x0, y0, x1, y1 = bound
    assert found["bound"] == [[x0, y0], [x0, y1], [x1, y1], [x1, y0]]
    assert found["tag"] == {"id": 1, "name": "squirrel"}
    if masks is not None:
        points = np.array(found["contour"])
        assert [*points.min(axis=0), *points.max(axis=0)] == pytest.approx(bound)


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        pytest.param((-1, 3, 32, 48), {"layout": "NCHW"}, id="channels first"),
        pytest.param((-1, 32, 48, 3), {}, id="channels last"),
        pytest.param((3, 32, 48), {"layout": "NCHW"}, id="no batch, channels first"),
        pytest.param((32, 48, 3), {}, id="no batch, channels last"),
        pytest.param((-1, 32, 48), {"color": "Gray"}, id="grey without channels"),
        pytest.param((-1, 32, 48, 1), {"color": "Gray"}, id="grey with a channel"),
        pytest.param((-1, -1, -1, 3), {"width": 48, "height": 32}, id="the size in the spec"),
        pytest.param((-1, -1, -1, 3), {"resize": "Exact"}, id="any size"),
    ],
)
def test_the_models_size_is_known_in_every_layout(shape: tuple[int, ...], image: dict[str, Any]) -> None:
    box = {"boxes": np.array([[(12, 16, 24, 32)]], np.float32), "scores": np.array([0.5]), "classes": np.array([0])}
    served = model(shape, masks=False, **image)
    (found,) = ask(served, picture(48, 32), box)["predictions"]
    assert found["bound"][0] == [0.25, 0.5]
    assert NEXUS.decode(CALL.with_body(picture(48, 32)), served).note.size == (48, 32)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools, with numpy 2
def test_coco_is_read_by_cocos_own_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = ask(model(resize="Letterbox"), picture(640, 320), answer(full_masks()), format="coco")
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(document))
    coco = COCO(str(path))
    assert coco.getCatIds(["squirrel", "tree"]) == [1, 2]
    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == list(LABELS)
    (squirrel,) = coco.loadAnns(coco.getAnnIds(imgIds=[1], catIds=[1]))
    assert squirrel["bbox"] == [160, 0, 320, 320]
    assert squirrel["area"] == 320 * 320
    assert squirrel["score"] == 0.9
    mask = coco.annToMask(squirrel)
    assert mask.shape == (320, 640)
    np.testing.assert_array_equal(mask, np.pad(np.ones((320, 320), np.uint8), ((0, 0), (160, 160))))
    results = [
        {key: each[key] for key in ("image_id", "category_id", "bbox", "score")} for each in document["annotations"]
    ]
    evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
    capsys.readouterr()


def test_coco_of_boxes_has_their_corners_as_polygons() -> None:
    document = ask(model(masks=False), picture(32, 32), answer(), format="coco")
    assert document["annotations"][0]["segmentation"] == [[8, 8, 8, 24, 24, 24, 24, 8]]


def test_coco_names_a_class_beyond_the_labels() -> None:
    beyond = answer() | {"classes": np.array([[1, 9]])}
    document = ask(model(masks=False), picture(32, 32), beyond, format="coco")
    assert document["categories"][-1] == {"id": 9, "name": "9", "supercategory": ""}


def test_coco_has_what_routines_add() -> None:
    body = picture(32, 32, routines=[{"name": "ActiveLearning"}, {"name": "FilterConfidence", "confidence": 0.7}])
    document = ask(model(masks=False), body, answer(), format="coco")
    assert len(document["annotations"]) == 1
    assert document["activeLearning"]["score"] == pytest.approx(0.971, abs=1e-3)


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        pytest.param(errors.BadRequest("m"), 400, "BadRequest", id="bad request"),
        pytest.param(errors.Unauthorized("m"), 401, "Unauthorized", id="unauthorized"),
        pytest.param(errors.NotFound("m"), 404, "NotFound", id="not found"),
        pytest.param(errors.MethodNotAllowed("m", ("POST",)), 405, "BadRequest", id="wrong method"),
        pytest.param(errors.BodyTooLarge("m"), 413, "BadRequest", id="too large"),
        pytest.param(errors.RateLimited("m", retry_after=1), 429, "BadRequest", id="too many"),
        pytest.param(errors.InternalError("m"), 500, "InternalServerError", id="internal"),
        pytest.param(errors.Unavailable("m"), 503, "InternalServerError", id="unavailable"),
        pytest.param(errors.DeadlineExceeded("m"), 504, "InternalServerError", id="too late"),
    ],
)
def test_errors_have_the_documents_words(error: errors.GatewayError, status: int, word: str) -> None:
    reply = NEXUS.encode_error(error, CALL)
    assert reply.status == status
    assert json.loads(reply.body) == {"error": word, "message": "m"}
