"""Runs the model.onnx beside this file by onnxruntime inside Triton's Python backend.

    execute: requests ─ read ─► Calls ─ joined by shape ─► one session run a group ─ split ─► responses

Requests that Triton hands over together are run together wherever the model batches and their rows have the same shape.
If such a run fails, its members are run alone, so that the bad one alone fails.

Runs in Triton's environment: the standard library, numpy and onnxruntime are all there is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-not-found, unused-ignore]
import triton_python_backend_utils as pb  # type: ignore[import-not-found, unused-ignore]

MODEL = Path(__file__).with_name("model.onnx")
WORDING = re.compile(r"\[ONNXRuntimeError\] : \d+ : (\w+) : ")


class BadInput(ValueError):
    """A request that this model cannot take."""


@dataclass(frozen=True)
class Call:
    """One request: its arrays by input name, and the outputs it wants."""

    feed: Mapping[str, Any]
    outputs: tuple[str, ...]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What must be equal among calls that are run together."""
        return self.outputs, tuple((name, array.dtype, array.shape[1:]) for name, array in self.feed.items())

    @property
    def rows(self) -> int:
        """Rows of the batch; -1 where the inputs disagree, and then the call is run alone to hear why."""
        rows = {array.shape[:1] for array in self.feed.values()}
        return rows.pop()[0] if len(rows) == 1 else -1


class TritonPythonModel:
    """The model's one instance; Triton calls its methods by these names."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model; Triton shows the text of what is raised here as the reason why it is not ready."""
        config = json.loads(args["model_config"])
        self.batches = config["max_batch_size"] > 0
        try:
            self.session = ort.InferenceSession(
                os.fspath(MODEL), session_options(config.get("parameters", {})), providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise pb.TritonModelException(f"onnxruntime {ort.__version__}: {words(error)}") from error
        self.ranks = {tensor.name: len(tensor.shape) for tensor in self.session.get_inputs()}

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request, in order."""
        answers: list[Any] = [None] * len(requests)
        groups: dict[tuple[Any, ...], list[tuple[int, Call]]] = {}
        for index, request in enumerate(requests):
            try:
                call = read(request, self.ranks)
            except BadInput as error:
                answers[index] = refusal(error)
                continue
            together = self.batches and call.rows >= 0
            groups.setdefault(call.kind if together else (index,), []).append((index, call))
        for group in groups.values():
            indices, calls = zip(*group, strict=True)
            for index, answer in zip(indices, self.answer(calls), strict=True):
                answers[index] = answer
        return answers

    def answer(self, calls: tuple[Call, ...]) -> list[Any]:
        """Run calls of one kind together, or each alone if that fails."""
        try:
            return [response(outputs) for outputs in self.run(calls)]
        except Exception as error:
            if len(calls) == 1:
                return [refusal(error)]
            return [answer for call in calls for answer in self.answer((call,))]

    def run(self, calls: tuple[Call, ...]) -> list[dict[str, Any]]:
        """Run the session once and cut its outputs into those of each call.

        Raises:
            ValueError: an output does not have one row for each row of the inputs, so that nothing can be cut.
        """
        wanted = calls[0].outputs
        if len(calls) == 1:
            return [dict(zip(wanted, self.session.run(wanted, calls[0].feed), strict=True))]
        feed = {name: np.concatenate([call.feed[name] for call in calls]) for name in calls[0].feed}
        results = self.session.run(wanted, feed)
        ends = np.cumsum([call.rows for call in calls])
        if any(result.shape[:1] != (ends[-1],) for result in results):
            raise ValueError("the outputs have other rows than the inputs")
        pieces = [np.split(result, ends[:-1]) for result in results]
        return [dict(zip(wanted, outputs, strict=True)) for outputs in zip(*pieces, strict=True)]


def session_options(parameters: Mapping[str, Mapping[str, str]]) -> Any:
    """Read the thread settings from config.pbtxt, by the names that Triton's own onnxruntime backend gives them."""

    def number(key: str, default: int) -> int:
        return int(parameters[key]["string_value"]) if key in parameters else default

    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Threads that wait by spinning take the cores from Triton and the gateway: measured, three times the CPU time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = number("intra_op_thread_count", len(os.sched_getaffinity(0)))
    options.inter_op_num_threads = number("inter_op_thread_count", 0)
    if number("execution_mode", 0) == 1:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    return options


def read(request: Any, ranks: Mapping[str, int]) -> Call:
    """Take the arrays out of a request; single numbers, which Triton only knows as [1], get their own rank 0 back."""
    feed = {}
    for name, rank in ranks.items():
        array = decode(name, pb.get_input_tensor_by_name(request, name).as_numpy())
        feed[name] = array.reshape(()) if rank == 0 else array
    return Call(feed, tuple(request.requested_output_names()))


def decode(name: str, array: Any) -> Any:
    """Turn the elements of BYTES into str, which is what onnxruntime takes; leave every other array alone."""
    if array.dtype != np.object_:
        return array
    texts = np.empty(array.shape, np.object_)
    for index, element in enumerate(array.flat):
        try:
            texts.flat[index] = element.decode()
        except UnicodeDecodeError as error:
            raise BadInput(f"{name}[{index}]: not UTF-8, but ONNX strings are ({error.reason})") from error
    return texts


def encode(array: Any) -> Any:
    """Turn str back into the elements of BYTES."""
    if array.dtype.kind not in "OU":
        return array
    elements = np.empty(array.size, np.object_)
    elements[:] = [str(text).encode() for text in array.flat]
    return elements.reshape(array.shape)


def response(outputs: Mapping[str, Any]) -> Any:
    """Word an answer."""
    return pb.InferenceResponse([pb.Tensor(name, encode(np.atleast_1d(array))) for name, array in outputs.items()])


def refusal(error: Exception) -> Any:
    """Word a failure; what is the request's own fault is told apart from the model's."""
    own_fault = isinstance(error, BadInput) or "INVALID_ARGUMENT" in str(error)
    code = pb.TritonError.INVALID_ARG if own_fault else pb.TritonError.INTERNAL
    return pb.InferenceResponse(error=pb.TritonError(words(error), code))


def words(error: Exception) -> str:
    """Return onnxruntime's own words on one line, without its prefix."""
    return " ".join(WORDING.sub("", str(error)).split())
