"""config.pbtxt: from the manifest and the model's own tensors to Triton's model configuration (`model_config.proto`).

Three layers, the later one winning: what is generated here, the config.pbtxt beside the model, and
`spec.model.config.pbtxt`. Where one of the last two says something else than a field of the manifest does, that is
refused: one of them is a mistake. The models of format TritonRepository begin with their own config.pbtxt instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelport.api import PublishedModelSpec
from modelport.api.source import ModelConfig as ConfigSpec
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import ANY, DTYPES, Backend, ModelSignature, Tensor

DEFAULT_MAX_BATCH = 64
"""Rows in one batch, for models that have a batch dimension and no `maxBatchSize`. Activations of 64 rows fit nearly
every machine, and the gain of larger batches is small."""

DATA_TYPES = {dtype: pb.DataType.Value(f"TYPE_{'STRING' if dtype == 'BYTES' else dtype}") for dtype in DTYPES}
DTYPE_OF = {value: dtype for dtype, value in DATA_TYPES.items()}

PLATFORMS = {
    "ensemble": "ensemble",
    "onnxruntime_onnx": "onnxruntime",
    "pytorch_libtorch": "pytorch",
    "tensorrt_plan": "tensorrt",
}
"""Backends by the older field `platform`."""


def build_config(
    name: str,
    spec: PublishedModelSpec,
    signature: ModelSignature,
    backend: Backend,
    beside: pb.ModelConfig | None = None,
) -> pb.ModelConfig:
    """Build the configuration of a model that Triton runs by `backend`; `beside` is the config.pbtxt beside it, if any.

    The folder holds just the versions that `spec.model.versions` asks for, hence the version policy is always "all".

    Raises:
        InvalidModel: two layers contradict each other.
    """
    layers = list(overrides(spec, beside))
    config = pb.ModelConfig(name=name, backend=backend.name)
    config.max_batch_size = max_batch_size(spec.model.config, signature, [layer for _, layer in layers])
    batched = config.max_batch_size > 0
    config.input.extend(_describe(tensor, pb.ModelInput, batched=batched) for tensor in signature.inputs)
    config.output.extend(_describe(tensor, pb.ModelOutput, batched=batched) for tensor in signature.outputs)
    config.instance_group.append(build_instance_group(spec))
    config.MergeFrom(build_explicit(spec))
    return finish(config, layers, spec)


def keep_config(name: str, spec: PublishedModelSpec, own: pb.ModelConfig) -> pb.ModelConfig:
    """Return a TritonRepository's own configuration with the name and what the manifest adds.

    Raises:
        InvalidModel: the manifest says something else than the configuration does.
    """
    config = pb.ModelConfig(name=name)
    config.MergeFrom(build_explicit(spec))
    return finish(config, list(overrides(spec, own)), spec)


def finish(
    config: pb.ModelConfig, layers: list[tuple[str, pb.ModelConfig]], spec: PublishedModelSpec
) -> pb.ModelConfig:
    """Lay the layers over what was generated, and let Triton load every version that is laid out."""
    for where, layer in layers:
        overlay(config, layer, spec, where)
    config.version_policy.CopyFrom(pb.ModelVersionPolicy(all={}))
    return config


def overrides(spec: PublishedModelSpec, beside: pb.ModelConfig | None) -> Iterator[tuple[str, pb.ModelConfig]]:
    """Yield the layers that people wrote, each with the name under which a message mentions it."""
    if beside is not None:
        yield "config.pbtxt beside the model", beside
    if spec.model.config.pbtxt is not None:
        yield "spec.model.config.pbtxt", parse_config(spec.model.config.pbtxt, "spec.model.config.pbtxt")


def parse_config(text: str, where: str) -> pb.ModelConfig:
    """Read protobuf text; raise InvalidModel with `where`, line and column."""
    config = pb.ModelConfig()
    try:
        text_format.Parse(text, config)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise InvalidModel(f"{where}: {error}") from error
    return config


def format_config(config: pb.ModelConfig) -> str:
    """Write protobuf text, as Triton reads it from config.pbtxt."""
    return str(text_format.MessageToString(config, use_index_order=True))


def with_versions(config: pb.ModelConfig, versions: Iterable[int]) -> str:
    """Return the configuration with these versions alone, as JSON: what Triton's load takes in the file's place."""
    narrowed = pb.ModelConfig()
    narrowed.CopyFrom(config)
    narrowed.version_policy.CopyFrom(pb.ModelVersionPolicy(specific={"versions": list(versions)}))
    return json.dumps(json_format.MessageToDict(narrowed, preserving_proto_field_name=True))


def max_batch_size(config: ConfigSpec, signature: ModelSignature, layers: list[pb.ModelConfig]) -> int:
    """Return the most rows in one batch: the manifest's, else a layer's, else the default for models that batch."""
    if config.max_batch_size is not None:
        return config.max_batch_size
    for layer in reversed(layers):
        if layer.max_batch_size:
            return int(layer.max_batch_size)
    return DEFAULT_MAX_BATCH if signature.batchable else 0


def build_instance_group(spec: PublishedModelSpec) -> pb.ModelInstanceGroup:
    """Return where the model runs, and how many copies of it."""
    if spec.execution.device == "CPU":
        return pb.ModelInstanceGroup(kind=pb.ModelInstanceGroup.KIND_CPU, count=1)
    return pb.ModelInstanceGroup(kind=pb.ModelInstanceGroup.KIND_GPU, count=spec.model.config.instances_per_gpu or 1)


def build_explicit(spec: PublishedModelSpec) -> pb.ModelConfig:
    """Return the part of the configuration that the manifest itself sets."""
    wanted = spec.model.config
    config = pb.ModelConfig(max_batch_size=wanted.max_batch_size or 0)
    if wanted.dynamic_batching is not None:
        config.dynamic_batching.max_queue_delay_microseconds = wanted.dynamic_batching.max_queue_delay_microseconds
        config.dynamic_batching.preferred_batch_size.extend(wanted.dynamic_batching.preferred_batch_sizes)
    for key, value in wanted.parameters.items():
        config.parameters[key].string_value = value
    return config


def build_tensor(tensor: Tensor, *, batched: bool) -> dict[str, Any]:
    """Return the fields of an input or output.

    Triton leaves the batch dimension out of `dims` and wants at least one: rows that are single numbers are declared as
    [1] and reshaped to nothing, so that the model still sees `[batch]`. A single number without a batch can only be
    declared as [1]; Triton refuses to reshape it.
    """
    dims = tensor.shape[1:] if batched else tensor.shape
    fields = {"name": tensor.name, "data_type": DATA_TYPES[tensor.dtype], "dims": list(dims) or [1]}
    return {**fields, "reshape": {"shape": []}} if batched and not dims else fields


def _describe(tensor: Tensor, message: Callable[..., Any], *, batched: bool) -> Any:
    return message(**build_tensor(tensor, batched=batched))


def overlay(config: pb.ModelConfig, layer: pb.ModelConfig, spec: PublishedModelSpec, where: str) -> None:
    """Lay one configuration over another: what the layer names wins, parameters key by key.

    Raises:
        InvalidModel: the layer contradicts the manifest.
    """
    for path, theirs, ours in contradictions(config, layer, spec):
        raise InvalidModel(f"{where}: {theirs} contradicts {path} ({ours}); leave one of them out")
    for field, _ in layer.ListFields():
        if field.name != "parameters":
            config.ClearField(field.name)
    config.MergeFrom(layer)


def contradictions(
    config: pb.ModelConfig, layer: pb.ModelConfig, spec: PublishedModelSpec
) -> Iterator[tuple[str, str, object]]:
    """Yield (path in the manifest, the layer's words, the manifest's value) wherever both speak and differ."""
    wanted = spec.model.config
    if layer.name and layer.name != config.name:
        yield "spec.model.name", f'name "{layer.name}"', config.name
    if config.backend and backend_of(layer) and backend_of(layer) != config.backend:
        yield "spec.model.format", f'backend "{backend_of(layer)}"', spec.model.format
    if wanted.max_batch_size is not None and layer.max_batch_size not in (0, wanted.max_batch_size):
        yield "spec.model.config.maxBatchSize", f"max_batch_size {layer.max_batch_size}", wanted.max_batch_size
    if wanted.dynamic_batching is not None and layer.WhichOneof("scheduling_choice"):
        yield "spec.model.config.dynamicBatching", str(layer.WhichOneof("scheduling_choice")), "set"
    if wanted.instances_per_gpu is not None and layer.instance_group:
        yield "spec.model.config.instancesPerGpu", "instance_group", wanted.instances_per_gpu
    for key in wanted.parameters.keys() & set(layer.parameters):
        if layer.parameters[key].string_value != wanted.parameters[key]:
            yield f"spec.model.config.parameters.{key}", f'parameter "{key}"', wanted.parameters[key]


def backend_of(config: pb.ModelConfig) -> str:
    """Return the backend that a configuration names, by either field; empty where it names none."""
    return str(config.backend or PLATFORMS.get(config.platform, config.platform))


def tensors_of(config: pb.ModelConfig) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the inputs and outputs that a configuration declares, with their complete shapes."""

    def complete(tensor: Any) -> Tensor:
        dims = tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims
        batch = (ANY,) if config.max_batch_size else ()
        return Tensor(tensor.name, DTYPE_OF.get(tensor.data_type, "unknown"), (*batch, *dims))

    return tuple(map(complete, config.input)), tuple(map(complete, config.output))
