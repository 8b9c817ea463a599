"""Recorded exchanges of every format: a request in, tensors out; the model's tensors in, the answer out.

A case is a file `FORMAT/CASE.yaml`, read into `Case`; it needs no gateway and no Triton. What the gateway does between
a format's functions, `exchange` does in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from modelport.api import PublishedModelSpec
from modelport.gateway.errors import GatewayError, ModelNotFound
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Call, Model, Operation, Reply, ServerMeta, VersionState
from modelport.gateway.routes import Match, Router
from modelport.gateway.tensors import DTYPES, Array, InferRequest, InferResult, ModelMeta, TensorSpec

ROUTER = Router(FORMATS.values())
FOLDER = Path(__file__).parent
CASES = sorted(FOLDER.glob("*/*.yaml"))


@dataclass(frozen=True)
class Case:
    """One file. Tensors are written `{dtype: FP32, shape: [3], data: [1, 2, 5]}`."""

    source: str
    """The document and section, or the page of the project's docs, that says so."""
    request: Mapping[str, Any]
    """`path`; `method` if not POST, `headers`, `query`, `body`: text, or bytes as `!!binary`; `fetched`: what stands
    behind the URLs that the format names, likewise."""
    reply: Mapping[str, Any]
    """`status` if not 200, and what the body is: `text`, `json` or `bytes`; `headers` that must be among them."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """`inputs` and `outputs` as name: [dtype, shape]; `name`, `version`, `max_batch_size`, `labels`, and `spec`: blocks
    of the resource's spec."""
    tensors: Mapping[str, Any] | None = None
    """What the model must be given; absent where the request is refused or asks for something else."""
    wanted: list[str] | None = None
    """The outputs that the model must be asked for, where a case is about them."""
    parameters: Mapping[str, Any] | None = None
    """The parameters that Triton must be given, where a case is about them."""
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What the model gives."""
    facts: Any = None
    """What the gateway knows, for operations other than inference."""


def read_case(path: Path) -> Case:
    case = Case(**yaml.safe_load(path.read_text(encoding="utf-8")))
    assert {"text", "json", "bytes"} & case.reply.keys(), "a case says what is answered"
    return case


def build_array(tensor: Mapping[str, Any]) -> Array:
    array = np.empty(tensor["shape"], DTYPES[tensor["dtype"]])
    data = [each.encode() if isinstance(each, str) else each for each in tensor["data"]]
    array.reshape(-1)[:] = np.array(data, array.dtype)
    return array


def build_specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {name: TensorSpec(name, dtype, tuple(shape)) for name, (dtype, shape) in tensors.items()}


def build_model(
    *,
    name: str = "m",
    version: int = 1,
    max_batch_size: int = 32,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    labels: tuple[str, ...] = (),
    spec: Mapping[str, Any] | None = None,
) -> Model:
    blocks = {"model": {"name": name, "format": "ONNX", "source": {"uri": "file:m"}}, **(spec or {})}
    meta = ModelMeta(name, version, "onnx", max_batch_size, build_specs(inputs or {}), build_specs(outputs or {}))
    return Model(name, PublishedModelSpec.model_validate(blocks, strict=False), tuple(labels), meta)


def build_facts(operation: Operation, facts: Any, model: Model) -> Any:
    match operation:
        case Operation.MODEL_STATUS:
            return tuple(VersionState(**each) for each in facts)
        case Operation.MODEL_METADATA:
            return model.meta
        case Operation.SERVER_METADATA:
            return ServerMeta(**{**facts, "extensions": tuple(facts["extensions"])})
        case Operation.REPOSITORY_INDEX:
            return tuple((each.pop("model"), VersionState(**each)) for each in map(dict, facts))
        case _:
            return facts


def build_call(request: Mapping[str, Any], match: Match) -> Call:
    body = request.get("body", b"")
    return Call(
        request.get("method", "POST"),
        request["path"],
        match.route,
        match.params,
        request.get("query", {}),
        request.get("headers", {}),
        body.encode() if isinstance(body, str) else body,
        "request-1",
    )


def check_request(request: InferRequest, case: Case) -> None:
    """The model is given exactly the case's tensors."""
    assert case.tensors is not None, "the case expects no tensors"
    assert request.inputs.keys() == case.tensors.keys()
    for name, tensor in case.tensors.items():
        assert request.inputs[name].dtype == DTYPES[tensor["dtype"]], name
        assert list(request.inputs[name].shape) == tensor["shape"], name
        np.testing.assert_array_equal(request.inputs[name], build_array(tensor), name)
    if case.wanted is not None:
        assert list(request.outputs or ()) == case.wanted
    if case.parameters is not None:
        assert request.parameters == case.parameters


def fetch(match: Match, call: Call, case: Case, model: Model) -> Call:
    """Give the format exactly what it names, where the model's spec allows it."""
    if model.spec.access.image_urls is None:
        return call
    named = match.format.urls(call, model)
    behind = case.request.get("fetched", {})
    assert {url for _, url in named} == behind.keys()
    return call.with_fetched({path: behind[url] for path, url in named})


def infer(match: Match, call: Call, case: Case, model: Model) -> Reply:
    call = fetch(match, call, case, model)
    request = match.format.decode(call, model)
    check_request(request, case)
    names = model.meta.outputs if request.outputs is None else request.outputs
    result = InferResult({name: build_array(case.answer[name]) for name in names}, model.meta.version)
    return match.format.encode(result, request, call, model)


def exchange(match: Match, call: Call, case: Case, model: Model) -> Reply:
    if match.error is not None or match.route is None:
        raise match.error or AssertionError("a match has a route or an error")
    if match.params.get("model", model.name) != model.name:
        unknown = ModelNotFound(
            match.params["model"], int(match.params["version"]) if "version" in call.params else None
        )
        raise match.format.model_not_found(call, unknown)
    operation = match.route.operation
    if operation is Operation.INFER:
        return infer(match, call, case, model)
    view = model if operation is Operation.MODEL_METADATA else None
    return match.format.describe(call, view, build_facts(operation, case.facts, model))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_exchange_is_as_recorded(path: Path) -> None:
    case = read_case(path)
    model = build_model(**case.model)
    match = ROUTER.match(case.request.get("method", "POST"), case.request["path"])
    assert match.format.name == path.parent.name
    call = build_call(case.request, match)
    try:
        reply = exchange(match, call, case, model)
    except GatewayError as error:
        reply = match.format.encode_error(error, call)
    assert reply.status == case.reply.get("status", 200), reply.body
    if "text" in case.reply:
        assert reply.body.decode() == case.reply["text"]
    if "json" in case.reply:
        assert json.loads(reply.body) == case.reply["json"]
    if "bytes" in case.reply:
        assert reply.body == case.reply["bytes"]
    assert case.reply.get("headers", {}).items() <= reply.headers.items()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_recorded_exchanges(name: str) -> None:
    assert any(path.parent.name == name for path in CASES)
