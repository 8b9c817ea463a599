"""Jobs in which a request is more than three numbers: their models, and the same request by three protocols.

Each model computes next to nothing, so that what is measured is the way to it and back.
"""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
from numpy.typing import NDArray
from onnx import numpy_helper
from pictures import MODEL as COLOURS
from pictures import MODEL_SIZE, write_model
from PIL import Image
from server import Server
from subjects import MANIFEST, MODEL, VALUES
from tritonclient.grpc import service_pb2

from modelport.loadtest.client import Request

JSON = {"Content-Type": "application/json"}
ELEMENTS = 3 * MODEL_SIZE[0] * MODEL_SIZE[1]
COLUMNS = 32
STRINGS = 256
DETECTIONS = 2000
SIDE = 64
"""Of the picture that the detections are found in."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input as Triton takes it."""

    name: str
    datatype: str
    array: NDArray[Any]

    def as_json(self) -> dict[str, Any]:
        """Word it for Triton's HTTP endpoint; bytes as text."""
        flat = self.array.ravel().tolist()
        data = [each.decode() for each in flat] if self.datatype == "BYTES" else flat
        return {"name": self.name, "shape": list(self.array.shape), "datatype": self.datatype, "data": data}

    def as_bytes(self) -> bytes:
        """Word it for Triton's gRPC endpoint: each of BYTES behind its length."""
        if self.datatype != "BYTES":
            return self.array.tobytes()
        return b"".join(struct.pack("<I", len(each)) + each for each in self.array.ravel().tolist())


@dataclass(frozen=True, slots=True)
class Workload:
    """One job: a model, what the gateway is sent for it, and the tensor that Triton is sent for the same."""

    title: str
    model: str
    write: Callable[[Path], Path]
    """Writes the model into a folder; returns its manifest."""
    path: str
    """Of the gateway."""
    body: bytes
    tensor: Tensor
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    same_body: bool = False
    """Triton's HTTP endpoint is sent the same bytes, in Open Inference."""
    read: Callable[[bytes], Any] = lambda answer: json.loads(answer)["predictions"]
    """The gateway's answer -> the values of `output` in C order."""
    output: str = "y"
    """The output by which answers are compared."""
    connections: Sequence[int] = (1, 8)

    def gateway(self, server: Server) -> Request:
        """Return the gateway's request."""
        return Request("POST", server.gateway + self.path, {**self.headers, "x-api-key": server.key}, self.body)

    def triton(self, server: Server) -> Request:
        """Return the request of Triton's HTTP endpoint."""
        url = f"{server.triton}/v2/models/{self.model}/infer"
        if self.same_body:
            return Request("POST", url, self.headers, self.body)
        return Request("POST", url, JSON, json.dumps({"inputs": [self.tensor.as_json()]}).encode())

    def message(self) -> service_pb2.ModelInferRequest:
        """Return the message of Triton's gRPC endpoint."""
        message = service_pb2.ModelInferRequest(model_name=self.model)
        tensor = self.tensor
        message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.array.shape)
        message.raw_input_contents.append(tensor.as_bytes())
        return message


def workloads() -> dict[str, Workload]:
    """Make all of them, by name."""
    random = np.random.default_rng(7)
    pixels = random.integers(0, 256, (1, *MODEL_SIZE, 3), dtype=np.uint8)
    columns = random.random((COLUMNS, ELEMENTS), dtype=np.float32).round(3)
    texts = [base64.b64encode(random.bytes(300)) for _ in range(STRINGS)]
    numbers = np.array(VALUES, np.float32)[:, np.newaxis]
    return {
        "numbers": Workload(
            "three values in JSON, `tensorflow-serving`; half_plus_two",
            MODEL,
            lambda _: MANIFEST,
            f"/v1/models/{MODEL}:predict",
            json.dumps({"instances": VALUES}).encode(),
            Tensor("x", "FP32", numbers),
            connections=(1, 16),
        ),
        "rows": Workload(
            f"1 x {MODEL_SIZE[0]} x {MODEL_SIZE[1]} x 3 whole numbers in JSON rows, `tensorflow-serving`",
            COLOURS,
            lambda folder: write_model(folder, ("tensorflow-serving",)),
            f"/v1/models/{COLOURS}:predict",
            json.dumps({"instances": pixels.tolist()}).encode(),
            Tensor("image", "UINT8", pixels),
            output="scores",
        ),
        "columns": Workload(
            f"{COLUMNS} x {ELEMENTS:,} numbers of three digits in JSON columns, `tensorflow-serving`",
            "means",
            lambda folder: _write(folder, "means", MEANS),
            "/v1/models/means:predict",
            json.dumps({"inputs": columns.astype(float).round(3).tolist()}).encode(),
            Tensor("x", "FP32", columns),
            read=lambda answer: json.loads(answer)["outputs"],
            connections=(1, 2),
        ),
        "strings": Workload(
            f"{STRINGS} texts of 400 bytes in and out, as `b64` in `tensorflow-serving`",
            "echo",
            lambda folder: _write(folder, "echo", ECHO),
            "/v1/models/echo:predict",
            json.dumps({"instances": [{"b64": base64.b64encode(text).decode()} for text in texts]}).encode(),
            Tensor("x", "BYTES", np.array(texts, object)[:, np.newaxis]),
            read=lambda answer: [base64.b64decode(each["b64"]) for each in json.loads(answer)["predictions"]],
            output="y_bytes",
        ),
        "detections": _detections(random),
        "binary": Workload(
            f"1 x {ELEMENTS:,} floats by Open Inference's binary extension",
            "means",
            lambda folder: _write(folder, "means", MEANS),
            "/v2/models/means/infer",
            *_binary(columns[:1]),
            same_body=True,
            read=lambda answer: json.loads(answer)["outputs"][0]["data"],
        ),
    }


MEANS = """
<ir_version: 8, opset_import: ["": 17]>
means (float[batch, 150528] x) => (float[batch, 1] y) { y = ReduceMean<axes: ints = [1], keepdims: int = 1>(x) }
"""
ECHO = """
<ir_version: 8, opset_import: ["": 17]>
echo (string[batch] x) => (string[batch] y_bytes) { y_bytes = Identity(x) }
"""
FINDER = """
<ir_version: 8, opset_import: ["": 17]>
finder (uint8[batch, 64, 64, 3] image)
  => (float[batch, 2000, 4] boxes, float[batch, 2000] scores, float[batch, 2000] classes)
<float nought = {0.0}, int64[1] last = {2}>
{
    pixels = Cast<to: int = 1>(image)
    flat = Flatten<axis: int = 1>(pixels)
    brightest = ReduceMax<axes: ints = [1], keepdims: int = 1>(flat)
    noughts = Mul(brightest, nought)
    deep = Unsqueeze(noughts, last)
    boxes = Add(deep, all_boxes)
    scores = Add(noughts, all_scores)
    classes = Add(noughts, all_classes)
}
"""
"""Finds the same 2,000 boxes in every picture."""

TENSORS = """
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {{name: {name}}}
spec:
  model: {{format: ONNX, source: {{uri: file:{name}.onnx}}, config: {{maxBatchSize: {batch}}}}}
  apis: [tensorflow-serving, open-inference]
  access: {{keys: [{{name: bench}}]}}
"""
PICTURES = """
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {name: finder}
spec:
  model: {format: ONNX, source: {uri: file:finder.onnx}, config: {maxBatchSize: 32}}
  io:
    task: ObjectDetection
    labels: [red, green, blue]
    inputs: [{name: image, kind: Image, image: {resize: Stretch, layout: NHWC}}]
    detection: {outputs: {boxes: boxes, scores: scores, classes: classes}, scoreThreshold: 0}
  apis: [nexus]
  access: {keys: [{name: bench}]}
"""


def _write(folder: Path, name: str, model: str) -> Path:
    (folder / f"{name}.onnx").write_bytes(onnx.parser.parse_model(model).SerializeToString())
    manifest = folder / f"{name}.yaml"
    manifest.write_text(TENSORS.format(name=name, batch=512), encoding="utf-8")
    return manifest


def _detections(random: np.random.Generator) -> Workload:
    corners = random.uniform(0, SIDE / 2, (1, DETECTIONS, 2))
    found = {
        "all_boxes": np.concatenate([corners, corners + SIDE / 4], axis=-1).astype(np.float32),
        "all_scores": np.linspace(0.9, 0.1, DETECTIONS, dtype=np.float32)[np.newaxis],
        "all_classes": (np.arange(DETECTIONS, dtype=np.float32) % 3)[np.newaxis],
    }

    def write(folder: Path) -> Path:
        model = onnx.parser.parse_model(FINDER)
        model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in found.items())
        (folder / "finder.onnx").write_bytes(model.SerializeToString())
        manifest = folder / "finder.yaml"
        manifest.write_text(PICTURES, encoding="utf-8")
        return manifest

    pixels = random.integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[0]).save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    return Workload(
        f"a PNG of {SIDE} x {SIDE} pixels, {DETECTIONS:,} boxes in the answer, `nexus`",
        "finder",
        write,
        "/finder/predict",
        json.dumps({"image_type": "base64", "data": text}).encode(),
        Tensor("image", "UINT8", pixels),
        read=_corners,
        output="boxes",
    )


def _corners(answer: bytes) -> list[float]:
    """Return left, top, right and bottom of each box in pixels."""
    bounds = [each["bound"] for each in json.loads(answer)["predictions"]]
    return [SIDE * value for bound in bounds for value in (*min(bound), *max(bound))]


def _binary(values: NDArray[np.float32]) -> tuple[bytes, Tensor, Mapping[str, str]]:
    raw = values.tobytes()
    tensor = {
        "name": "x",
        "shape": list(values.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return head + raw, Tensor("x", "FP32", values), headers


def read_triton(answer: bytes, output: str) -> list[Any]:
    """Return an output's values that Triton's HTTP endpoint answers."""
    data: list[Any] = next(each["data"] for each in json.loads(answer)["outputs"] if each["name"] == output)
    return [each.encode() for each in data] if isinstance(data[0], str) else data


def read_message(answer: service_pb2.ModelInferResponse, output: str) -> list[Any]:
    """Return an output's values that Triton's gRPC endpoint answers."""
    place = [each.name for each in answer.outputs].index(output)
    raw = answer.raw_output_contents[place]
    if answer.outputs[place].datatype != "BYTES":
        return np.frombuffer(raw, np.float32).tolist()
    values, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        values.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    return values
