"""Everything but inference: health, metadata, configuration, statistics, the repository's index.

Health answers in the protocol's own words with 200 for yes; no is a 400 with an error, as the protocol asks ("a 4xx
status code indicates false") and Triton does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelport.gateway.codecs import json as codec
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Call, Model, Operation, Reply, ServerMeta, VersionState
from modelport.gateway.formats.open_inference.fields import read_flag, read_object
from modelport.gateway.tensors import TensorSpec

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "parameters",
    "schedule_policy",
    "sequence",
    "statistics",
)
"""Triton's extensions that the gateway passes on; the others are refused (`refusals.py`)."""


def server_metadata(call: Call, model: Model | None, facts: ServerMeta) -> Reply:
    """Word the server's name and what it can, of what Triton can and the gateway offers."""
    offered = [name for name in facts.extensions if name in EXTENSIONS]
    return _reply({"name": facts.name, "version": facts.version, "extensions": offered})


def server_live(call: Call, model: Model | None, facts: bool) -> Reply:
    """Word whether the server runs."""
    return _health({"live": True}, facts, "the server is not live")


def server_ready(call: Call, model: Model | None, facts: bool) -> Reply:
    """Word whether every model answers."""
    return _health({"ready": True}, facts, "some model is not ready")


def model_ready(call: Call, model: Model | None, facts: bool) -> Reply:
    """Word whether the model, or the version that the address names, answers."""
    return _health({"name": call.params["model"], "ready": True}, facts, "the model is not ready")


def model_metadata(call: Call, model: Model | None, facts: Any) -> Reply:
    """Word what a version takes and gives; `versions` are those that answer, or the one that the address names."""
    if model is None:
        raise TypeError("a model's metadata is asked of a model")
    meta = model.meta
    versions = (meta.version,) if "version" in call.params else model.versions
    return _reply(
        {
            "name": model.name,
            "versions": [str(version) for version in versions or (meta.version,)],
            "platform": meta.platform,
            "inputs": [_tensor(spec) for spec in meta.inputs.values()],
            "outputs": [_tensor(spec) for spec in meta.outputs.values()],
        }
    )


def as_it_is(call: Call, model: Model | None, facts: Any) -> Reply:
    """Pass Triton's own JSON object on."""
    return _reply(facts)


def repository_index(call: Call, model: Model | None, facts: tuple[tuple[str, VersionState], ...]) -> Reply:
    """Word every version of every model; with `{"ready": true}` in the body only those that answer.

    Raises:
        BadRequest: the body is neither empty nor such an object.
    """
    body = read_object(codec.loads(call.body, constants=False) if call.body.strip() else None, "body")
    ready = read_flag(body, "ready", "")
    return _reply([_index(name, each) for name, each in facts if not ready or each.state == "READY"])


DESCRIBE: Mapping[Operation, Callable[[Call, Model | None, Any], Reply]] = {
    Operation.SERVER_METADATA: server_metadata,
    Operation.SERVER_LIVE: server_live,
    Operation.SERVER_READY: server_ready,
    Operation.MODEL_READY: model_ready,
    Operation.MODEL_METADATA: model_metadata,
    Operation.MODEL_CONFIG: as_it_is,
    Operation.MODEL_STATISTICS: as_it_is,
    Operation.REPOSITORY_INDEX: repository_index,
}
"""Who words what; inference and the refused are not here."""


def _health(yes: Mapping[str, Any], facts: bool, no: str) -> Reply:
    if not facts:
        raise BadRequest(no)
    return _reply(yes)


def _index(name: str, version: VersionState) -> dict[str, str]:
    entry = {"name": name, "version": str(version.version), "state": version.state}
    return entry | ({"reason": version.reason} if version.reason else {})


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.dtype, "shape": spec.shape}


def _reply(value: Any) -> Reply:
    return Reply(body=codec.dumps(value))
