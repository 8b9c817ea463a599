"""Between the neutral middle and Triton's HTTP endpoint: JSON with raw tensors behind it. Pure.

Open Inference Protocol v2, "Inference", with Triton's binary tensor data extension (`extension_binary_data.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from modelport.gateway.codecs.raw import HEADER_LENGTH
from modelport.gateway.errors import BadUpstream
from modelport.gateway.http import Answer
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta
from modelport.gateway.triton_tensors import RawTensor, raw_inputs, read_outputs


def encode_request(meta: ModelMeta, request: InferRequest) -> tuple[str, list[bytes | memoryview]]:
    """Word a request: the path, and the JSON and each tensor as parts of the body."""
    inputs, parts = [], []
    for tensor in raw_inputs(meta, request):
        size = {"binary_data_size": len(tensor.data)}
        inputs.append({"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape, "parameters": size})
        parts.append(tensor.data)
    document: dict[str, Any] = {"inputs": inputs, "parameters": {**request.parameters, "binary_data_output": True}}
    if request.id:
        document["id"] = request.id
    if request.outputs is not None:
        document["outputs"] = [
            {"name": name, "parameters": {**request.output_parameters.get(name, {}), "binary_data": True}}
            for name in request.outputs
        ]
    return f"/v2/models/{meta.name}/versions/{meta.version}/infer", [orjson.dumps(document), *parts]


def decode_answer(meta: ModelMeta, answer: Answer) -> InferResult:
    """Read an answer of status 200; raise BadUpstream where it contradicts itself."""
    try:
        length = int(answer.headers.get(HEADER_LENGTH.lower(), len(answer.body)))
        document = orjson.loads(memoryview(answer.body)[:length])
        outputs = read_outputs(meta, _outputs(document, memoryview(answer.body)[length:]))
        return InferResult(outputs, int(document["model_version"]), document.get("parameters", {}))
    except (KeyError, TypeError, ValueError) as error:
        raise BadUpstream("Triton answered what is no inference response") from error


def decode_error(answer: Answer) -> str:
    """Return the sentence of an answer of another status; empty where there is none."""
    try:
        return str(orjson.loads(answer.body)["error"])
    except (KeyError, TypeError, ValueError):
        return ""


def _outputs(document: dict[str, Any], data: memoryview) -> Iterator[RawTensor]:
    for output in document["outputs"]:
        size = output["parameters"]["binary_data_size"]
        yield RawTensor(output["name"], output["datatype"], output["shape"], data[:size])
        data = data[size:]
