"""Between the neutral middle and Triton's protobuf messages (`grpc_service.proto`, `model_config.proto`). Pure.

With `triton.py` the only importer of tritonclient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tritonclient.grpc import model_config_pb2, service_pb2

from modelport.gateway.errors import BadUpstream
from modelport.gateway.tensors import ANY, DTYPES, Array, InferRequest, InferResult, ModelMeta, TensorSpec
from modelport.gateway.triton_tensors import RawTensor, raw_inputs, read_outputs

_INTEGERS_OF_64_BITS = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})


def encode_request(meta: ModelMeta, request: InferRequest) -> service_pb2.ModelInferRequest:
    """Word a request for one version of a model."""
    message = service_pb2.ModelInferRequest(model_name=meta.name, model_version=str(meta.version), id=request.id)
    for tensor in raw_inputs(meta, request):
        message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        message.raw_input_contents.append(bytes(tensor.data))
    for name in request.outputs or ():
        output = message.outputs.add(name=name)
        _set_parameters(output.parameters, request.output_parameters.get(name, {}))
    _set_parameters(message.parameters, request.parameters)
    return message


def decode_response(meta: ModelMeta, message: service_pb2.ModelInferResponse) -> InferResult:
    """Read Triton's answer; raise BadUpstream where it contradicts itself."""
    if len(message.raw_output_contents) != len(message.outputs):
        raise BadUpstream(
            f"Triton answered {len(message.outputs)} outputs with {len(message.raw_output_contents)} contents"
        )
    pairs = zip(message.outputs, message.raw_output_contents, strict=True)
    outputs = read_outputs(meta, (RawTensor(each.name, each.datatype, each.shape, raw) for each, raw in pairs))
    return InferResult(outputs, int(message.model_version or meta.version), _parameters(message.parameters))


def parse_meta(
    metadata: service_pb2.ModelMetadataResponse,
    config: model_config_pb2.ModelConfig,
    version: int,
    *,
    scalar_rows: bool,
) -> ModelMeta:
    """Join what Triton's metadata and its configuration say of a model.

    With `scalar_rows` a tensor that the configuration reshapes to the empty shape is shown as the model itself has it,
    `[batch]` and not `[batch, 1]`.
    """
    configured = {tensor.name: tensor for tensor in (*config.input, *config.output)}

    def spec(tensor: Any) -> TensorSpec:
        known = configured.get(tensor.name)
        scalar = (
            scalar_rows
            and config.max_batch_size > 0
            and known is not None
            and known.HasField("reshape")
            and not known.reshape.shape
        )
        shape = tuple(tensor.shape[:-1] if scalar else tensor.shape)
        optional = bool(getattr(known, "optional", False))
        return TensorSpec(tensor.name, tensor.datatype, shape, optional, scalar)

    return ModelMeta(
        name=config.name,
        version=version,
        platform=metadata.platform,
        max_batch_size=config.max_batch_size,
        inputs={tensor.name: spec(tensor) for tensor in metadata.inputs},
        outputs={tensor.name: spec(tensor) for tensor in metadata.outputs},
        instances=max(1, sum(group.count for group in config.instance_group)),
        sequence=config.HasField("sequence_batching"),
    )


def zero_request(meta: ModelMeta) -> InferRequest:
    """Build the smallest request that fits the model: zeros or empty strings, every free dimension 1."""

    def zeros(spec: TensorSpec) -> Array:
        shape = tuple(1 if size == ANY else size for size in spec.shape)
        return np.full(shape, b"" if spec.dtype == "BYTES" else 0, dtype=DTYPES[spec.dtype])

    parameters: dict[str, bool | int] = {}
    if meta.sequence:
        parameters = {"sequence_id": 1, "sequence_start": True, "sequence_end": True}
    return InferRequest(
        inputs={name: zeros(spec) for name, spec in meta.inputs.items() if not spec.optional}, parameters=parameters
    )


def as_json(message: Message) -> dict[str, Any]:
    """Word a message as Triton's own HTTP endpoint does: the .proto's names, defaults written out, numbers."""
    found: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _with_integers(found, message.DESCRIPTOR)


def _with_integers(found: dict[str, Any], descriptor: Any) -> dict[str, Any]:
    """Undo protobuf's JSON mapping of 64-bit integers, which makes strings of them."""
    return {name: _with_integer(value, descriptor.fields_by_name[name]) for name, value in found.items()}


def _with_integer(value: Any, field: FieldDescriptor) -> Any:
    nested = field.message_type
    if isinstance(value, list):
        return [_with_integer(each, field) for each in value]
    if nested is not None and nested.GetOptions().map_entry:
        return {key: _with_integer(each, nested.fields_by_name["value"]) for key, each in value.items()}
    if nested is not None:
        return _with_integers(value, nested)
    return int(value) if field.cpp_type in _INTEGERS_OF_64_BITS else value


def _set_parameters(target: Any, parameters: Mapping[str, bool | int | float | str]) -> None:
    for name, value in parameters.items():
        match value:
            case bool():
                target[name].bool_param = value
            case int():
                target[name].int64_param = value
            case float():
                target[name].double_param = value
            case str():
                target[name].string_param = value


def _parameters(source: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    return {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in source.items()}
