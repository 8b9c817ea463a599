"""What is sent where pictures are measured: one JPEG in base64, as each format sends it, to a small classifier."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx.parser
from bare import make
from PIL import Image
from server import Server, call

from modelport.loadtest.client import Request

SIZE = (1024, 768)
"""Width and height of the picture."""
MODEL_SIZE = (224, 224)
FACTOR = 2
"""How many times smaller the gateway decodes it, by docs/guides/pictures.md."""
MODEL = "colours"
FORMATS = ("azureml", "nexus", "nnc")
LABELS = ("red", "green", "blue")

ONNX = """
<ir_version: 8, opset_import: ["": 17]>
colours (uint8[batch, 224, 224, 3] image) => (float[batch, 3] scores)
<float white = {255.0}, int64[2] begin = {0, 0}, int64[2] end = {224, 224}, int64[2] axes = {1, 2},
 int64[2] step = {8, 8}>
{
    some = Slice(image, begin, end, axes, step)
    pixels = Cast<to: int = 1>(some)
    sums = ReduceMean<axes: ints = [1, 2], keepdims: int = 0>(pixels)
    means = Div(sums, white)
    scores = Softmax<axis: int = 1>(means)
}
"""
"""Names the strongest colour by each 8th row and column; as cheap as can be, since it is not what is measured."""

MANIFEST = """
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {{name: {model}}}
spec:
  model: {{format: ONNX, source: {{uri: file:model.onnx}}, config: {{maxBatchSize: 32}}}}
  io:
    task: ImageClassification
    labels: {labels}
    inputs:
      - name: image
        kind: Image
        image: {{resize: Stretch, layout: NHWC}}
  apis: {formats}
  access: {{keys: [{{name: bench}}]}}
"""


def write_model(folder: Path, formats: Sequence[str] = FORMATS) -> Path:
    """Write the classifier and its manifest, which offers it in these formats; return the manifest."""
    (folder / "model.onnx").write_bytes(onnx.parser.parse_model(ONNX).SerializeToString())
    manifest = folder / "colours.yaml"
    text = MANIFEST.format(model=MODEL, labels=json.dumps(LABELS), formats=json.dumps(formats))
    manifest.write_text(text, encoding="utf-8")
    return manifest


def draw(size: tuple[int, int] = SIZE) -> bytes:
    """Draw a picture with the detail of a photograph and return it as JPEG of quality 85."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / 97 + rows / 61), np.cos(columns / 53 - rows / 83), np.sin(columns * rows / 30000)]
    noise = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    file = io.BytesIO()
    pixels = 128 + 100 * np.stack(waves, axis=-1) + noise
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def requests(server: Server, text: str) -> Mapping[str, Request]:
    """Return the request of each format."""
    picture = {"name": "image", "type": "jpeg", "data": text}
    return {
        "azureml": server.post(f"/api/v1/service/{MODEL}/score", [{"image_in_base64": text}]),
        "nexus": server.post(f"/{MODEL}/predict", {"image_type": "base64", "data": text}),
        "nnc": server.post(f"/v1/dedicated/classifiers/{MODEL}/inference", {"inputs": [picture]}),
    }


def check_answers(asked: Mapping[str, Request], text: str) -> None:
    """Fail unless every format answers what numpy makes of the reduced loop's pixels."""
    means = make(text, MODEL_SIZE, FACTOR)[::8, ::8].mean(axis=(0, 1), dtype=np.float64)
    powers = np.exp(means / 255)
    expected = (powers / powers.sum()).tolist()
    found = {
        "azureml": call(asked["azureml"])[0],
        "nexus": [each["confidence"] for each in call(asked["nexus"])["predictions"]],
        "nnc": call(asked["nnc"])["outputs"][0]["data"],
    }
    wanted = {"azureml": expected, "nexus": [max(expected)], "nnc": expected}
    for name, scores in found.items():
        if not np.allclose(scores, wanted[name], atol=1e-5):
            raise SystemExit(f"wrong answers: {name} {scores}, expected {wanted[name]}")
