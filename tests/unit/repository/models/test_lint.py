"""What is found wrong with a model before Triton starts: one case a sentence that a person may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelport.api import serverless
from modelport.repository.capabilities import NVIDIA_IMAGE, WHEEL, Capabilities
from modelport.repository.inspect import inspect
from modelport.repository.lint import lint

PICTURES = "(float[n, 3, 32, 16] image) => (float[n, 4] scores) { f = Flatten(image) scores = Cast<to: int = 1>(f) }"
TEXT = "(string[n] t) => (string[n] u) { u = Identity(t) }"
TWO = "(float[n] x) => (float[n] y, float[n, 3] z) { y = Add(x, x) z = Cast<to: int = 1>(x) }"
ROWS = "(float[n, 3] x) => (float[n, 3] y) { y = Relu(x) }"
FIXED = "(float[1, 3] x) => (float[1, 3] y) { y = Relu(x) }"
BF16 = "(bfloat16[n] x) => (bfloat16[n] y) { y = Add(x, x) }"


def problems(resource: Any, path: Path, triton: Capabilities = WHEEL) -> list[str]:
    return [str(problem) for problem in lint(inspect(resource, path, triton, convert=lambda fmt, found: found))]


@pytest.mark.parametrize(
    ("graph", "spec", "found"),
    [
        (None, {}, []),
        (
            PICTURES,
            {"io": {"inputs": [{"name": "picture", "kind": "Image"}]}},
            ["spec.io.inputs[0].name: the model has no input 'picture'; it has image"],
        ),
        (
            PICTURES,
            {"io": {"inputs": [{"name": "image", "kind": "Image", "image": {"width": 16, "height": 32}}]}},
            [],
        ),
        (
            PICTURES,
            {"io": {"inputs": [{"name": "image", "kind": "Image", "image": {"width": 32, "height": 32}}]}},
            [
                "spec.io.inputs[0].image.width: 32, but the model's input is 'image FP32 [-1, 3, 32, 16]'; expected 16",
            ],
        ),
        (
            PICTURES.replace("3, 32, 16", "32, 16, 3"),
            {"io": {"inputs": [{"name": "image", "kind": "Image"}]}},
            [
                "spec.io.inputs[0].image.color: RGB has 3 channels in layout NCHW, but the model's input is"
                " 'image FP32 [-1, 32, 16, 3]'; is its layout NHWC?",
            ],
        ),
        (
            PICTURES.replace("3, 32, 16", "1, h, w"),
            {"io": {"inputs": [{"name": "image", "kind": "Image", "image": {"color": "Gray"}}]}},
            [
                "spec.io.inputs[0].image.width: missing, and the model's input 'image FP32 [-1, 1, -1, -1]' leaves it"
                " free; say how large",
                "spec.io.inputs[0].image.height: missing, and the model's input 'image FP32 [-1, 1, -1, -1]' leaves it"
                " free; say how large",
            ],
        ),
        (
            None,
            {"io": {"inputs": [{"name": "x", "kind": "Image"}]}},
            ["spec.io.inputs[0].image.layout: NCHW has four dimensions, but the model's input is 'x FP32 [-1]'"],
        ),
        (
            TEXT,
            {"io": {"inputs": [{"name": "t", "kind": "Image"}]}},
            ["spec.io.inputs[0].kind: Image, but the model's input is 't BYTES [-1]'; numbers are needed"],
        ),
        (
            PICTURES,
            {"io": {"task": "ImageClassification", "labels": ["a", "b", "c"]}},
            ["spec.io.labels: 3 labels, but the model's output is 'scores FP32 [-1, 4]'; expected 4"],
        ),
        (
            TWO,
            {
                "io": {
                    "labels": ["a", "b"],
                    "signatures": [{"name": "c", "method": "Classify", "outputs": {"scores": "z"}}],
                }
            },
            ["spec.io.labels: 2 labels, but the model's output is 'z FP32 [-1, 3]'; expected 3"],
        ),
        (
            None,
            {"io": {"signatures": [{"name": "s", "inputs": {"a": "b"}, "outputs": {"c": "d"}}]}},
            [
                "spec.io.signatures[0].inputs.a: the model has no input 'b'; it has x",
                "spec.io.signatures[0].outputs.c: the model has no output 'd'; it has y",
            ],
        ),
        (
            TWO,
            {"io": {"signatures": [{"name": "s", "method": "Regress"}]}},
            ["spec.io.signatures[0].outputs.outputs: missing: the model has several outputs (y, z); say which"],
        ),
        (
            TWO,
            {"io": {"signatures": [{"name": "s", "method": "Regress", "outputs": {"outputs": "z"}}]}},
            ["spec.io.signatures[0].outputs.outputs: one value a row is needed, but the output is 'z FP32 [-1, 3]'"],
        ),
        (
            TWO,
            {"io": {"signatures": [{"name": "s", "method": "Classify", "outputs": {"scores": "y"}}]}},
            ["spec.io.signatures[0].outputs.scores: scores are [batch, classes], but the output is 'y FP32 [-1]'"],
        ),
        (
            PICTURES,
            {"io": {"signatures": [{"name": "s", "method": "Classify", "defaults": {"size": 3.0}}]}},
            [
                "spec.io.signatures[0].inputs.image: a feature is [batch] or [batch, k], but the input is"
                " 'image FP32 [-1, 3, 32, 16]'",
                "spec.io.signatures[0].defaults.size: no such feature; the signature has image",
            ],
        ),
        (
            TWO,
            {"io": {"task": "ObjectDetection", "detection": {"outputs": {"boxes": "b", "scores": "y"}}}},
            ["spec.io.detection.outputs.boxes: the model has no output 'b'; it has y, z"],
        ),
        (
            ROWS,
            {"io": {"task": "TabularRegression", "tabular": {"columns": ["a", "b", "c"]}}},
            [],
        ),
        (
            ROWS,
            {"io": {"task": "TabularRegression", "tabular": {"columns": ["a", "b"]}}},
            ["spec.io.tabular.columns: 2 columns, but the model's input is 'x FP32 [-1, 3]'"],
        ),
        (
            ROWS,
            {"io": {"task": "TabularRegression"}},
            ["spec.io.tabular: missing, and the model's input 'x FP32 [-1, 3]' takes more than one column; name them"],
        ),
        (
            ROWS,
            {"io": {"task": "TabularRegression"}, "apis": ["tensorflow-serving"]},
            [],
        ),
        (
            "(float[n] a, float[n] b) => (float[n] y) { y = Add(a, b) }",
            {"io": {"task": "TabularRegression", "tabular": {"columns": ["a", "b"]}}},
            ["spec.io.tabular: its columns make one input; the model has a, b"],
        ),
        (
            None,
            {"io": {"task": "TabularRegression"}},
            [],
        ),
        (
            FIXED,
            {"model": {"config": {"maxBatchSize": 8}}},
            [
                "spec.model.config.maxBatchSize: 8, but 'x FP32 [1, 3]' has no free first dimension; set it to 0, or"
                " export the model with a dynamic batch",
            ],
        ),
        (
            FIXED,
            {"model": {"config": {"dynamicBatching": {}}}},
            ["spec.model.config.dynamicBatching: the model takes no batches (max batch size 0); leave it out"],
        ),
        (
            None,
            {"model": {"config": {"maxBatchSize": 4, "dynamicBatching": {"preferredBatchSizes": [2, 8]}}}},
            ["spec.model.config.dynamicBatching.preferredBatchSizes: 8 is more than the max batch size, 4"],
        ),
        (
            None,
            {"model": {"versions": {"policy": "All", "labels": {"canary": 4}}}},
            ["spec.model.versions.labels.canary: version 4 is not in the source; policy All serves 1"],
        ),
        (
            None,
            {"model": {"config": {"pbtxt": 'input { name: "z" data_type: TYPE_FP32 dims: 1 }'}}},
            ["spec.model.config.pbtxt: input 'z' is not in the model, which has x"],
        ),
        (
            None,
            {"model": {"config": {"pbtxt": 'input { name: "x" data_type: TYPE_INT32 dims: 1 reshape {} }'}}},
            ["spec.model.config.pbtxt: input x INT32 [-1] is x FP32 [-1] in the model"],
        ),
        (
            None,
            {"model": {"config": {"parameters": {"threads": "2", "intra_op_thread_count": "two"}}}},
            [
                "spec.model.config.parameters.threads: unknown to the Triton of this machine; expected one of"
                " execution_mode, inter_op_thread_count, intra_op_thread_count",
                "spec.model.config.parameters.intra_op_thread_count: a whole number expected, 'two' came",
            ],
        ),
        (
            BF16,
            {},
            [
                "spec.model.source: 'x' is BF16, which the Triton of this machine cannot pass on; cast it to FP32",
                "spec.model.source: 'y' is BF16, which the Triton of this machine cannot pass on; cast it to FP32",
            ],
        ),
        (
            None,
            {"execution": {"device": "GPU"}},
            ["spec.execution.device: GPU, but the Triton of this machine runs ONNX by the backend python on CPU only"],
        ),
    ],
    ids=[
        "nothing",
        "an input that the model does not have",
        "a picture that fits",
        "a picture of another size",
        "channels in another place",
        "a size that nobody says",
        "a picture for a vector",
        "a picture for text",
        "labels that are too few for a classifier",
        "labels that are too few for a signature's scores",
        "a signature with tensors that the model does not have",
        "a regression with several outputs",
        "a regression with several values a row",
        "scores without classes",
        "a picture as a feature, a default without a feature",
        "a detection's output that the model does not have",
        "as many columns as the wide input takes",
        "columns for a wide input of another size",
        "a wide input without its columns",
        "a wide input that no table is sent to",
        "columns for several inputs",
        "an input that is a column",
        "batches for a model with a fixed batch",
        "dynamic batching for a model with a fixed batch",
        "a preferred batch beyond the largest",
        "a label for a version that is not there",
        "a declared input that the model does not have",
        "a declared input of another type",
        "parameters that the runner does not know",
        "a type that numpy does not have",
        "a GPU where there is none",
    ],
)
def test_problems_of_an_onnx_model(
    graph: str | None, spec: dict[str, Any], found: list[str], tmp_path: Path, write_onnx: Any, manifest: Any
) -> None:
    write_onnx(tmp_path / "model.onnx", **({} if graph is None else {"graph": graph}))
    assert problems(manifest(**spec), tmp_path) == found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (
            {"opsets": '"": 29'},
            "spec.model.source: version 1 uses opset 29 of ai.onnx, but onnxruntime in the Triton of this machine reads"
            " up to 28; export it with a lower opset",
        ),
        (
            {"opsets": '"": 17, "ai.onnx.ml": 6'},
            "spec.model.source: version 1 uses opset 6 of ai.onnx.ml, but onnxruntime in the Triton of this machine"
            " reads up to 5; export it with a lower opset",
        ),
        (
            {"ir": 15},
            "spec.model.source: version 1 is written in ONNX IR version 15, but onnxruntime in the Triton of this"
            " machine reads up to 14; export it with an older onnx package, or lower its ir_version",
        ),
    ],
    ids=["opset", "opset of another domain", "IR version"],
)
def test_onnx_newer_than_this_tritons_onnxruntime(
    written: dict[str, Any], found: str, tmp_path: Path, write_onnx: Any, manifest: Any
) -> None:
    write_onnx(tmp_path / "model.onnx", **written)
    assert problems(manifest(), tmp_path) == [found]


def test_traffic_for_a_version_that_is_not_there(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    write_onnx(tmp_path / "3" / "model.onnx")
    write_onnx(tmp_path / "4" / "model.onnx")
    shares = [{"version": 3, "percent": 90}, {"version": 5, "percent": 10}]
    assert problems(manifest({"versions": {"policy": "All", "traffic": shares}}), tmp_path) == [
        "spec.model.versions.traffic[1].version: version 5 is not in the source; policy All serves 3, 4"
    ]


def test_versions_with_other_tensors_cannot_be_served_together(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    write_onnx(tmp_path / "3" / "model.onnx", "(float[n, 2] x) => (float[n] y) { y = Cast<to: int = 1>(x) }")
    write_onnx(tmp_path / "4" / "model.onnx")
    assert problems(manifest({"versions": {"policy": "All"}}), tmp_path) == [
        "spec.model.versions: versions 3 and 4 differ in their inputs (x FP32 [-1, 2], x FP32 [-1]); publish one of"
        " them by a resource of its own"
    ]


def write_python(folder: Path) -> Path:
    (folder / "model.py").write_text("class TritonPythonModel:\n    def execute(self, requests): ...\n")
    return folder


def test_python_without_tensors(tmp_path: Path, manifest: Any) -> None:
    assert problems(manifest({"format": "Python"}), write_python(tmp_path)) == [
        "spec.model.config.pbtxt: the files of this Python model do not tell its tensors; declare input and output"
        " here, or in a config.pbtxt beside the model or give the class a method auto_complete_config"
    ]


def test_python_with_declared_tensors(tmp_path: Path, manifest: Any) -> None:
    (write_python(tmp_path) / "config.pbtxt").write_text(
        'input { name: "x" data_type: TYPE_FP32 dims: 2 } output { name: "y" data_type: TYPE_FP32 dims: 2 }'
    )
    resource = manifest({"format": "Python"}, io={"inputs": [{"name": "z"}]})
    assert problems(resource, tmp_path) == ["spec.io.inputs[0].name: the model has no input 'z'; it has x"]


def test_a_backend_that_this_triton_lacks(tmp_path: Path, manifest: Any) -> None:
    (tmp_path / "model.plan").write_bytes(b"ftrt")
    assert problems(manifest({"format": "TensorRT"}, execution={"device": "GPU"}), tmp_path) == [
        "spec.model.format: TensorRT needs the backend tensorrt, but the Triton of this machine (2.51.0) has only"
        " python; use ONNX here"
    ]


def test_an_engine_on_the_cpu(tmp_path: Path, manifest: Any) -> None:
    (tmp_path / "model.plan").write_bytes(b"ftrt")
    assert problems(manifest({"format": "TensorRT"}), tmp_path, NVIDIA_IMAGE) == [
        "spec.execution.device: CPU, but NVIDIA's Triton image runs TensorRT by the backend tensorrt on GPU only"
    ]


def test_nvidias_image_runs_onnx_by_its_own_backend(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    write_onnx(tmp_path / "model.onnx", BF16)
    model = inspect(manifest(execution={"device": "GPU"}), tmp_path, NVIDIA_IMAGE, convert=lambda fmt, found: found)
    assert model.config.backend == "onnxruntime"
    assert lint(model) == ()


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (
            'backend: "onnxruntime"',
            "spec.model.format: config.pbtxt asks for the backend onnxruntime, but the Triton of this machine (2.51.0)"
            " has only python; with format ONNX it is run here",
        ),
        (
            'platform: "ensemble"',
            "spec.model.format: config.pbtxt is an ensemble; its members belong to other models, which is not served",
        ),
        ("", "spec.model.format: config.pbtxt names no backend; add the line backend: …"),
    ],
    ids=["a backend that is not there", "an ensemble", "no backend"],
)
def test_problems_of_a_triton_repository(config: str, found: str, tmp_path: Path, manifest: Any) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "config.pbtxt").write_text(config)
    assert problems(manifest({"format": "TritonRepository"}), tmp_path) == [found]


def test_a_serverless_model_must_be_small(
    tmp_path: Path, manifest: Any, write_onnx: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 2):
        write_onnx(tmp_path / str(version) / "model.onnx")
    size = (tmp_path / "1" / "model.onnx").stat().st_size
    both = {"versions": {"policy": "All"}}
    monkeypatch.setattr(serverless, "MODEL_BYTES", size + 1)
    assert problems(manifest(both, execution={"type": "Serverless"}), tmp_path) == []
    monkeypatch.setattr(serverless, "MODEL_BYTES", size)
    found = problems(manifest(both, execution={"type": "Serverless"}), tmp_path)
    assert [line.partition(" MB")[0] for line in found] == [
        f"spec.execution.type: version {version}: Serverless takes models below {size / 1e6:g}" for version in (1, 2)
    ]
    assert problems(manifest(both), tmp_path) == []


def test_the_size_of_a_serverless_model_is_the_documents() -> None:
    assert serverless.size_problem(63_999_999) is None
    assert serverless.size_problem(64_000_000) == (
        "Serverless takes models below 64 MB, and this one has 64.000 MB; publish it as Dedicated"
    )
