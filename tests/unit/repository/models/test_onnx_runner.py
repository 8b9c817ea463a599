"""The ONNX runner's own part, joining and splitting, with stand-ins for Triton and onnxruntime.

That it runs inside a real Triton is tried in `tests/triton`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelport.repository.runners import FOLDER

Array = Any


class SessionOptions(SimpleNamespace):
    def add_session_config_entry(self, key: str, value: str) -> None:
        setattr(self, key, value)


@dataclass
class Tensor:
    name: str
    array: Array

    def as_numpy(self) -> Array:
        return self.array


@dataclass
class Request:
    inputs: dict[str, Array]
    outputs: tuple[str, ...] = ("y",)

    def requested_output_names(self) -> list[str]:
        return list(self.outputs)


@dataclass
class TritonError:
    message: str
    code: int = 0
    INVALID_ARG = 3
    INTERNAL = 1


@dataclass
class Response:
    output_tensors: list[Tensor] = field(default_factory=list)
    error: TritonError | None = None

    def said(self) -> Any:
        if self.error is not None:
            return self.error
        return {tensor.name: tensor.array.tolist() for tensor in self.output_tensors}


@dataclass
class Session:
    """Answers with what a function makes of the feed, and counts the runs."""

    answer: Callable[[dict[str, Array]], dict[str, Array]]
    runs: list[int] = field(default_factory=list)

    def run(self, outputs: tuple[str, ...], feed: dict[str, Array]) -> list[Array]:
        self.runs.append(len(next(iter(feed.values()))))
        results = self.answer(feed)
        return [results[name] for name in outputs]


def get_input(request: Request, name: str) -> Tensor:
    return Tensor(name, request.inputs[name])


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    triton = SimpleNamespace(
        get_input_tensor_by_name=get_input,
        InferenceResponse=Response,
        Tensor=Tensor,
        TritonError=TritonError,
        TritonModelException=RuntimeError,
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(__version__="0"))
    spec = importlib.util.spec_from_file_location("onnx_runner", FOLDER / "onnx_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "onnx_runner", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def model(
    runner: ModuleType, answer: Callable[[dict[str, Array]], dict[str, Array]], *, batch: int = 8, rank: int = 1
) -> Any:
    made = runner.TritonPythonModel()
    made.batches = batch > 0
    made.ranks = {"x": rank}
    made.session = Session(answer)
    return made


def double(feed: dict[str, Array]) -> dict[str, Array]:
    if (feed["x"] < 0).any():
        raise RuntimeError("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : negative\n value")
    return {"y": feed["x"] * 2, "t": feed["x"] + 1}


def x(*values: float) -> dict[str, Array]:
    return {"x": np.array(values, np.float32)}


def said(made: Any, *requests: Request) -> list[Any]:
    return [response.said() for response in made.execute(list(requests))]


def test_requests_are_run_together_and_answered_apart(runner: ModuleType) -> None:
    made = model(runner, double)
    assert said(made, Request(x(1)), Request(x(2, 3)), Request(x(4))) == [{"y": [2]}, {"y": [4, 6]}, {"y": [8]}]
    assert made.session.runs == [4]


def test_a_bad_member_alone_fails(runner: ModuleType) -> None:
    made = model(runner, double)
    assert said(made, Request(x(1)), Request(x(-1)), Request(x(3))) == [
        {"y": [2]},
        TritonError("negative value", TritonError.INVALID_ARG),
        {"y": [6]},
    ]
    assert made.session.runs == [3, 1, 1, 1]


def test_only_rows_of_one_kind_are_run_together(runner: ModuleType) -> None:
    made = model(runner, double)
    requests = [
        Request(x(1)),
        Request({"x": np.ones((1, 2), np.float32)}),
        Request(x(2)),
        Request({"x": np.array([3])}),
        Request(x(4), outputs=("t",)),
    ]
    assert said(made, *requests) == [{"y": [2]}, {"y": [[2, 2]]}, {"y": [4]}, {"y": [6]}, {"t": [5]}]
    assert made.session.runs == [2, 1, 1, 1]


def test_a_model_without_batches_gets_each_request_alone(runner: ModuleType) -> None:
    made = model(runner, double, batch=0)
    assert said(made, Request(x(1)), Request(x(2))) == [{"y": [2]}, {"y": [4]}]
    assert made.session.runs == [1, 1]


def test_outputs_that_are_no_rows_are_not_cut(runner: ModuleType) -> None:
    made = model(runner, lambda feed: {"y": feed["x"].sum(keepdims=True)})
    assert said(made, Request(x(1, 2)), Request(x(3))) == [{"y": [3]}, {"y": [3]}]
    assert made.session.runs == [3, 2, 1]


def test_outputs_come_in_the_order_asked_for(runner: ModuleType) -> None:
    answer = said(model(runner, double), Request(x(1), outputs=("t", "y")))[0]
    assert list(answer.items()) == [("t", [2]), ("y", [2])]


def test_texts_go_in_as_str_and_come_out_as_bytes(runner: ModuleType) -> None:
    seen: list[Any] = []

    def echo(feed: dict[str, Array]) -> dict[str, Array]:
        seen.extend(feed["x"].tolist())
        return {"y": feed["x"]}

    texts = np.array([b"a\0b", "\u00e9".encode(), b""], object)
    assert said(model(runner, echo), Request({"x": texts})) == [{"y": [b"a\0b", "\u00e9".encode(), b""]}]
    assert seen == ["a\0b", "\u00e9", ""]


def test_bytes_that_are_no_text_are_refused_alone(runner: ModuleType) -> None:
    made = model(runner, lambda feed: {"y": feed["x"]})
    assert said(made, Request({"x": np.array([b"a", b"\xff"], object)}), Request({"x": np.array([b"b"], object)})) == [
        TritonError("x[1]: not UTF-8, but ONNX strings are (invalid start byte)", TritonError.INVALID_ARG),
        {"y": [b"b"]},
    ]


def test_what_is_not_the_requests_fault_is_internal(runner: ModuleType) -> None:
    def fail(feed: dict[str, Array]) -> dict[str, Array]:
        raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : out of memory")

    assert said(model(runner, fail), Request(x(1))) == [TritonError("out of memory", TritonError.INTERNAL)]


def test_a_model_that_cannot_be_loaded_says_why_in_onnxruntimes_words(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : opset 99 is unknown")

    monkeypatch.setattr(runner.ort, "InferenceSession", refuse, raising=False)
    monkeypatch.setattr(runner.ort, "SessionOptions", SessionOptions, raising=False)
    config = {"max_batch_size": 8, "parameters": {}}
    with pytest.raises(RuntimeError, match=r"^onnxruntime 0: opset 99 is unknown$"):
        runner.TritonPythonModel().initialize({"model_config": json.dumps(config)})


def test_a_single_number_is_one_to_the_model_too(runner: ModuleType) -> None:
    shapes: list[Any] = []

    def note(feed: dict[str, Array]) -> dict[str, Array]:
        shapes.append(feed["x"].shape)
        return {"y": feed["x"] * 2}

    made = model(runner, note, batch=0, rank=0)
    made.session.run = lambda outputs, feed: list(note(feed).values())
    assert said(made, Request(x(3))) == [{"y": [6]}]
    assert shapes == [()]


def test_threads_come_from_the_parameters(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.ort, "SessionOptions", SessionOptions, raising=False)
    monkeypatch.setattr(runner.ort, "ExecutionMode", SimpleNamespace(ORT_PARALLEL="parallel"), raising=False)
    options = runner.session_options(
        {"intra_op_thread_count": {"string_value": "3"}, "execution_mode": {"string_value": "1"}}
    )
    assert (options.intra_op_num_threads, options.inter_op_num_threads, options.execution_mode) == (3, 0, "parallel")
