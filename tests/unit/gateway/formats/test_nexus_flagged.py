"""What a reply of nexus brings for a second look: the picture as it was sent, whichever way that was."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modelport.api import PublishedModelSpec
from modelport.gateway.formats.base import Call, Flagged, Model
from modelport.gateway.formats.nexus import Nexus
from modelport.gateway.tensors import InferResult, ModelMeta, TensorSpec

NEXUS = Nexus()
FLAG = [{"name": "ActiveLearning"}]
PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
URL = "https://images.example.com/a.png"


def written(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind)
    return file.getvalue()


def model(task: str = "ImageClassification", threshold: float = 0.6) -> Model:
    detection = {"outputs": {"boxes": "boxes", "scores": "scores"}} if task == "ObjectDetection" else None
    io_block = {"task": task, "inputs": [{"name": "image", "kind": "Image", "image": {"layout": "NHWC"}}]}
    blocks: dict[str, Any] = {
        "model": {"name": "m", "format": "ONNX", "source": {"uri": "file:m"}},
        "io": io_block | ({"detection": detection} if detection else {}),
        "access": {"imageUrls": {"allow": ["images.example.com"]}},
        "evaluation": {"threshold": threshold},
    }
    names = ("boxes", "scores") if detection else ("p",)
    outputs = {name: TensorSpec(name, "FP32", (-1, -1)) for name in names}
    meta = ModelMeta("m", 1, "onnx", 8, {"image": TensorSpec("image", "UINT8", (-1, 2, 4, 3))}, outputs)
    return Model("m", PublishedModelSpec.model_validate(blocks, strict=False), ("acorn", "squirrel"), meta)


def flagged(body: dict[str, Any], on: Model, outputs: dict[str, Any], **call: Any) -> tuple[Flagged | None, bytes]:
    """What the reply brings, and its body."""
    asked = Call("POST", "/m/predict", NEXUS.routes[0], body=json.dumps(body).encode(), **call)
    request = NEXUS.decode(asked, on)
    arrays = {name: np.array(value, np.float32) for name, value in outputs.items()}
    reply = NEXUS.encode(InferResult(arrays, 1), request, asked, on)
    return reply.flagged, reply.body


IN_DOUBT = {"p": [[0.5, 0.5]]}


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_a_file_in_base64_stays_the_file(kind: str) -> None:
    file = written(kind)
    body = {"image_type": "base64", "data": base64.encodebytes(file).decode(), "routines": FLAG}
    found, answer = flagged(body, model(), IN_DOUBT)
    assert found is not None
    assert (found.picture, found.answer, found.score) == (file, answer, 1.0)


def test_a_file_by_url_stays_the_file() -> None:
    body = {"image_type": "url", "data": URL, "routines": FLAG}
    found, _ = flagged(body, model(), IN_DOUBT, fetched={"data": written("PNG")})
    assert found is not None
    assert found.picture == written("PNG")


def test_pixels_stay_the_pixels() -> None:
    found, _ = flagged({"image_type": "array", "data": PIXELS.tolist(), "routines": FLAG}, model(), IN_DOUBT)
    assert found is not None
    np.testing.assert_array_equal(found.picture, PIXELS)


def test_beside_a_coco_answer_the_documents_own_is_stored() -> None:
    body = {"image_type": "array", "data": PIXELS.tolist(), "routines": FLAG}
    boxes = {"boxes": [[[0, 0, 4, 2]]], "scores": [[0.5]]}
    found, answer = flagged(body, model("ObjectDetection"), boxes, query={"format": "coco"})
    assert found is not None
    assert "annotations" in json.loads(answer)
    assert json.loads(found.answer)["predictions"][0]["confidence"] == 0.5


@pytest.mark.parametrize(
    ("routines", "outputs"),
    [
        pytest.param([], IN_DOUBT, id="nobody asked for a judgement"),
        pytest.param(FLAG, {"p": [[0.01, 0.99]]}, id="the model is sure"),
    ],
)
def test_nothing_is_brought(routines: list[Any], outputs: dict[str, Any]) -> None:
    body = {"image_type": "array", "data": PIXELS.tolist(), "routines": routines}
    assert flagged(body, model(), outputs)[0] is None
