"""The examples of `/openapi.json` are requests that the very model takes, in every API that it has.

Models are the samples of examples/ and those below; `tests/triton/test_openapi_examples.py` sends the examples too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from modelport.api import PublishedModelSpec, apis_of, parse_yaml
from modelport.discovery import Operation, choose, declare, fill, parse_operations, pointers
from modelport.gateway.codecs.shapes import fits
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Call, Model
from modelport.gateway.openapi import build_openapi
from modelport.gateway.routes import Router
from modelport.gateway.samples.values import MOST_ELEMENTS
from modelport.gateway.tensors import DTYPES, InferRequest, ModelMeta, TensorSpec

EXAMPLES = Path(__file__).parents[2] / "examples"
ROUTER = Router(FORMATS.values())

SCORES = {"scores": ("FP32", (-1, 3))}
SAMPLES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "1-half-plus-two": ({"x": ("FP32", (-1,))}, {"y": ("FP32", (-1,))}),
    "2-half-plus-three": ({"x": ("FP32", (-1,))}, {"y": ("FP32", (-1,))}),
    "3-echo": ({"text": ("BYTES", (-1,))}, {"echo": ("BYTES", (-1,))}),
    "4-ripeness": ({"colour": ("FP32", (-1,)), "firmness": ("FP32", (-1,))}, SCORES),
    "5-shapes": ({"image": ("UINT8", (-1, 32, 32, 3))}, {"probabilities": ("FP32", (-1, 4))}),
    "6-rectangles": ({"images": ("FP32", (-1, 3, 64, 64))}, {"output0": ("FP32", (-1, 7, 4096))}),
    "7-blobs": (
        {"image": ("UINT8", (-1, 64, 64, 3))},
        {
            "boxes": ("FP32", (-1, 16, 4)),
            "scores": ("FP32", (-1, 16)),
            "classes": ("INT64", (-1, 16)),
            "masks": ("FP32", (-1, 16, 64, 64)),
        },
    ),
    "8-deliveries": (
        {"distance_km": ("FP32", (-1,)), "weight_kg": ("FP32", (-1,)), "carrier": ("BYTES", (-1,))},
        {"probabilities": ("FP32", (-1, 2)), "contributions": ("FP32", (-1, 2, 3))},
    ),
    "9-brightness": ({"x1": ("FP32", (-1, 3, 240, 240)), "x2": ("FP32", (-1, 1))}, {"y": ("FP32", (-1, 1))}),
    "10-notes": ({"x": ("FP32", (-1, 4000, 1))}, {"probabilities": ("FP32", (-1, 12))}),
    "11-minutes": ({"features": ("FP32", (-1, 3))}, {"minutes": ("FP32", (-1, 1))}),
}
"""What the sample models take and give."""


def image(**members: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "kind": "Image", "image": members}]}


def audio(**members: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "kind": "Audio", "audio": members}]}


FILES = {"image/png": (b"\x89PNG", "x.png"), "audio/wav": (b"RIFF", "x.wav"), "text/csv": (b"", "x.csv")}
"""How a file of each type begins, and a name for it."""

PICTURES = ["nnc", "azureml", "nexus", "tensorflow-serving", "open-inference"]
TENSORS = ["tensorflow-serving", "open-inference", "nnc"]
CLASSES = {"task": "ImageClassification"}
MODELS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], Sequence[str]]] = {
    **{f"rows of {dtype}": ({"x": (dtype, (-1, 2))}, {}, TENSORS) for dtype in DTYPES},
    "a scalar beside a matrix": ({"x": ("FP32", ()), "m": ("INT32", (2, 3))}, {"batch": 0}, TENSORS),
    "free dimensions": ({"ids": ("INT64", (-1, -1)), "mask": ("BOOL", (-1, -1))}, {}, TENSORS),
    "names that JSON Pointer escapes": ({"a/b~c": ("FP32", (-1, 1))}, {}, TENSORS),
    "a picture and a vector": (
        {"v": ("FP32", (-1, 4)), "x": ("FP32", (-1, 3, 8, 8))},
        {"io": image(resize="Stretch")},
        TENSORS,
    ),
    "a picture of exactly the model's size": ({"x": ("FP32", (-1, 3, 20, 30))}, {"io": image() | CLASSES}, PICTURES),
    "a picture of any size": ({"x": ("FP32", (-1, 3, -1, -1))}, {"io": image() | CLASSES}, PICTURES),
    "a picture of the spec's size": (
        {"x": ("UINT8", (-1, -1, -1, 3))},
        {"io": image(width=40, height=30, layout="NHWC") | CLASSES},
        PICTURES,
    ),
    "a grey picture without a batch": (
        {"x": ("FP32", (28, 28))},
        {"io": image(color="Gray", resize="CenterCrop") | CLASSES, "batch": 0},
        PICTURES,
    ),
    "a large picture, as a file alone": (
        {"x": ("FP32", (-1, 3, 224, 224))},
        {"io": image(resize="Letterbox") | CLASSES},
        ["nnc", "azureml", "nexus"],
    ),
    "a sound of any length": ({"x": ("INT16", (-1, -1, 1))}, {"io": audio()}, TENSORS),
    "a sound of the model's rate, length and channels": (
        {"x": ("FP32", (-1, 2, 800))},
        {"io": audio(sampleRate=8000, layout="CL")},
        TENSORS,
    ),
    "a sound of one channel that has no dimension": ({"x": ("FP32", (-1, 16000))}, {"io": audio()}, TENSORS),
    "signatures": (
        {"x": ("FP32", (-1,)), "y": ("INT32", (-1, 2))},
        {
            "io": {
                "signatures": [
                    {"name": "classify", "method": "Classify", "outputs": {"scores": "out"}},
                    {"name": "named", "method": "Predict", "inputs": {"a": "x", "b": "y"}},
                    {"name": "regress", "method": "Regress", "defaults": {"x": 1.0}},
                ]
            }
        },
        TENSORS,
    ),
    "versions and labels": (
        {"x": ("FP32", (-1,))},
        {"model": {"versions": {"policy": "All", "labels": {"stable": 1, "gone": 7}}}},
        TENSORS,
    ),
}
"""Inputs; blocks of the spec (and `batch`: the largest); the APIs that have an example."""


def build_specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {name: TensorSpec(name, dtype, shape) for name, (dtype, shape) in tensors.items()}


def build_model(spec: PublishedModelSpec, name: str, inputs: Any, outputs: Any, batch: int = 8) -> Model:
    meta = ModelMeta(name, 1, "onnx", batch, build_specs(inputs), build_specs(outputs))
    return Model(name, spec, spec.io.labels, meta, (1,))


def read_sample(stem: str) -> Model:
    (resource,) = parse_yaml((EXAMPLES / f"{stem}.yaml").read_text("utf-8"), stem)
    return build_model(resource.spec, resource.spec.model.name or resource.metadata.name, *SAMPLES[stem])


def made_model(case: str) -> Model:
    inputs, blocks, _ = MODELS[case]
    given = {**blocks, "apis": PICTURES if "task" in blocks.get("io", {}) else TENSORS}
    given["model"] = {"name": "m", "format": "ONNX", "source": {"uri": "file:m"}, **blocks.get("model", {})}
    given.pop("batch", None)
    spec = PublishedModelSpec.model_validate(given, strict=False)
    return build_model(spec, "m", inputs, {"out": ("FP32", (-1, 3))}, blocks.get("batch", 8))


def document(model: Model) -> dict[str, Any]:
    formats = [FORMATS[api] for api in apis_of(model.spec) if api in FORMATS]
    built: dict[str, Any] = json.loads(orjson.dumps(build_openapi([(model, formats)])))
    return built


def operations(model: Model) -> tuple[Operation, ...]:
    return parse_operations(document(model), "")


def decode(operation: Operation, body: Any, model: Model) -> InferRequest:
    """Read a request as the gateway would; raise BadRequest where it is refused."""
    match = ROUTER.match(operation.method, operation.url)
    assert match.error is None
    assert match.format.name == operation.api
    return match.format.decode(
        Call(operation.method, operation.url, match.route, match.params, body=orjson.dumps(body)), model
    )


ALL_MODELS = (
    *(pytest.param(read_sample(stem), apis_of(read_sample(stem).spec), id=stem) for stem in SAMPLES),
    *(pytest.param(made_model(case), apis, id=case) for case, (_, _, apis) in MODELS.items()),
)


@pytest.mark.parametrize(("model", "apis"), ALL_MODELS)
def test_every_example_is_taken(model: Model, apis: Sequence[str]) -> None:
    found = operations(model)
    assert {each.api for each in found} == set(apis)
    for operation in found:
        for name, array in decode(operation, operation.example, model).inputs.items():
            assert array.dtype == DTYPES[model.meta.inputs[name].dtype], operation.url
            assert fits(array.shape, model.meta.inputs[name].shape), operation.url


@pytest.mark.parametrize(("model", "apis"), ALL_MODELS)
def test_a_file_of_the_same_kind_is_taken_in_its_place(model: Model, apis: Sequence[str]) -> None:
    holds_files = any(each.kind != "Tensor" for each in model.spec.io.inputs)
    for operation in operations(model):
        if operation.file is None:
            assert operation.api in ("tensorflow-serving", "open-inference") or not holds_files
            continue
        begins, name = FILES[operation.file.media_type]
        file = base64.b64decode(pointers.get(operation.example, operation.file.pointer))
        assert file.startswith(begins)
        again = fill(declare(operation, name), file)
        assert again == operation.example
        assert decode(operation, again, model).inputs.keys() == model.meta.inputs.keys()


def test_every_sample_model_is_among_them() -> None:
    assert SAMPLES.keys() == {file.stem for file in EXAMPLES.glob("*.yaml")}


def test_the_plain_predict_comes_first() -> None:
    assert choose(operations(read_sample("4-ripeness")), "ripeness").url == "/v1/models/ripeness:predict"
    assert choose(operations(read_sample("6-rectangles")), "rectangles").api == "nexus"


def test_a_label_without_its_version_cannot_be_called() -> None:
    assert {each.url for each in operations(made_model("versions and labels")) if each.api == "tensorflow-serving"} == {
        "/v1/models/m:predict",
        "/v1/models/m/versions/1:predict",
        "/v1/models/m/labels/stable:predict",
    }


@pytest.mark.parametrize(
    ("model", "path", "why"),
    [
        pytest.param(
            made_model("a large picture, as a file alone"),
            "/v1/models/m:predict",
            f"There is no example, since input x has more than {MOST_ELEMENTS} elements.",
            id="too many numbers",
        ),
        pytest.param(
            build_model(made_model("a picture of any size").spec, "m", {"x": ("FP32", (-1, 3, 2000, 2000))}, {}),
            "/m/predict",
            "There is no example, since input x is a picture of 2000 x 2000 pixels.",
            id="too large a picture",
        ),
        pytest.param(
            build_model(made_model("a sound of any length").spec, "m", {"x": ("INT16", (-1, 90_000, 1))}, {}),
            "/v1/dedicated/classifiers/m/inference",
            "There is no example, since input x is a sound of 90000 samples in 1 channels.",
            id="too long a sound",
        ),
        pytest.param(
            build_model(made_model("a picture of any size").spec, "m", {"x": ("FP32", (-1, 4))}, {}),
            "/m/predict",
            "There is no example: spec.io: input x is a picture in RGB and NCHW",
            id="a spec that does not fit the model",
        ),
    ],
)
def test_why_there_is_no_example_is_said(model: Model, path: str, why: str) -> None:
    operation = document(model)["paths"][path]["post"]
    assert operation["description"].startswith(why)
    assert "example" not in operation["requestBody"]["content"]["application/json"]
