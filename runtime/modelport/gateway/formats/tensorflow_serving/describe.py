"""Model status and metadata, printed as the real server prints its protobuf messages.

The document: "Model status API" and "Model Metadata API".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelport.gateway.errors import NotFound
from modelport.gateway.formats.base import JSON, Model, Reply, VersionState
from modelport.gateway.formats.tensorflow_serving.signatures import Signature, all_signatures
from modelport.gateway.tensors import TensorSpec

DTYPES: Mapping[str, str] = {
    "BOOL": "DT_BOOL",
    "UINT8": "DT_UINT8",
    "UINT16": "DT_UINT16",
    "UINT32": "DT_UINT32",
    "UINT64": "DT_UINT64",
    "INT8": "DT_INT8",
    "INT16": "DT_INT16",
    "INT32": "DT_INT32",
    "INT64": "DT_INT64",
    "FP16": "DT_HALF",
    "BF16": "DT_BFLOAT16",
    "FP32": "DT_FLOAT",
    "FP64": "DT_DOUBLE",
    "BYTES": "DT_STRING",
}
"""TensorFlow's name of each of Triton's data types."""

STATES: Mapping[str, str] = {
    "READY": "AVAILABLE",
    "LOADING": "LOADING",
    "UNLOADING": "UNLOADING",
    "UNAVAILABLE": "END",
}
"""TensorFlow Serving's name of each of Triton's states; any other is START."""

UNLOADED = "unloaded"
"""Triton's reason for a version that ended without a failure."""


def status_reply(name: str, versions: Sequence[VersionState]) -> Reply:
    """Word the state of versions of a model, the newest first; raise NotFound where there are none."""
    if not versions:
        raise NotFound(f"Could not find any versions of model {name}")
    newest_first = sorted(versions, key=lambda each: each.version, reverse=True)
    return _reply(_printed({"model_version_status": [_version_status(each) for each in newest_first]}))


def _version_status(version: VersionState) -> dict[str, Any]:
    failed = version.state == "UNAVAILABLE" and version.reason not in ("", UNLOADED)
    return {
        "version": str(version.version),
        "state": STATES.get(version.state, "START"),
        "status": {
            "error_code": "UNKNOWN" if failed else "OK",
            "error_message": version.reason if failed else "",
        },
    }


def metadata_reply(model: Model) -> Reply:
    """Word what a version of a model takes and gives, by signature."""
    spec = {"name": model.name, "signature_name": "", "version": str(model.meta.version)}
    signatures = {"signature_def": {each.name: _signature_def(each) for each in all_signatures(model)}}
    return _reply(f'{{\n"model_spec":{_printed(spec)},\n"metadata": {{"signature_def": {_printed(signatures)}}}\n}}\n')


def _signature_def(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": {name: _tensor_info(spec) for name, spec in signature.inputs.items()},
        "outputs": {name: _tensor_info(spec) for name, spec in signature.outputs.items()},
        "method_name": f"tensorflow/serving/{signature.method.lower()}",
    }


def _tensor_info(spec: TensorSpec) -> dict[str, Any]:
    return {
        "dtype": DTYPES[spec.dtype],
        "tensor_shape": {"dim": [{"size": str(size), "name": ""} for size in spec.shape], "unknown_rank": False},
        "name": spec.name,
    }


def _printed(message: dict[str, Any]) -> str:
    """Print a message as protobuf's JSON printer does with white space: one space a level, a line break at the end."""
    return json.dumps(message, indent=1, ensure_ascii=False) + "\n"


def _reply(text: str) -> Reply:
    return Reply(body=text.encode(), content_type=JSON)
