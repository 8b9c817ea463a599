"""ONNX: `model.onnx`, with its external data beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import ANY, Backend, Format, ModelSignature, Tensor
from modelport.repository.formats.files import sole_file

MODEL = "model.onnx"
OPSET = "opset "
"""Before a domain, in `ModelSignature.facts`."""

DTYPES: dict[int, str] = {
    onnx.TensorProto.BOOL: "BOOL",
    onnx.TensorProto.UINT8: "UINT8",
    onnx.TensorProto.UINT16: "UINT16",
    onnx.TensorProto.UINT32: "UINT32",
    onnx.TensorProto.UINT64: "UINT64",
    onnx.TensorProto.INT8: "INT8",
    onnx.TensorProto.INT16: "INT16",
    onnx.TensorProto.INT32: "INT32",
    onnx.TensorProto.INT64: "INT64",
    onnx.TensorProto.FLOAT16: "FP16",
    onnx.TensorProto.BFLOAT16: "BF16",
    onnx.TensorProto.FLOAT: "FP32",
    onnx.TensorProto.DOUBLE: "FP64",
    onnx.TensorProto.STRING: "BYTES",
}


def inspect(path: Path) -> ModelSignature:
    """Read the graph's inputs and outputs; weights in external files are looked for, not loaded."""
    file = sole_file(path, MODEL)
    model = load(file)
    defaults = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in defaults]
    signature_inputs = tuple(tensor(file, "input", value) for value in inputs)
    outputs = tuple(tensor(file, "output", value) for value in model.graph.output)
    everything = (*signature_inputs, *outputs)
    return ModelSignature(
        files={MODEL: file, **external_files(file, model)},
        inputs=signature_inputs,
        outputs=outputs,
        batchable=bool(inputs) and all(t.shape[:1] == (ANY,) for t in everything) and share_rows(inputs),
        facts={
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
            "ir_version": model.ir_version,
            **{OPSET + (opset.domain or "ai.onnx"): opset.version for opset in model.opset_import},
        },
    )


def load(file: Path) -> onnx.ModelProto:
    """Read an ONNX file without its external data.

    Raises:
        InvalidModel: not ONNX, cut short, or without a graph.
    """
    try:
        model = onnx.load(file, load_external_data=False)
    except DecodeError as error:
        raise InvalidModel(f"{file.name}: not an ONNX model, or cut short ({file.stat().st_size} bytes)") from error
    if not model.ir_version or not model.graph.output:
        raise InvalidModel(f"{file.name}: not an ONNX model: it has no graph with outputs")
    return model


def tensor(file: Path, kind: str, value: onnx.ValueInfoProto) -> Tensor:
    """Return a graph's input or output in Triton's terms.

    Raises:
        InvalidModel: a value that is no dense tensor, or of an element type that Triton lacks.
    """
    texts = [value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim)]
    if not all(isinstance(text, str) for text in texts):  # protobuf hands out what is no UTF-8 as bytes
        raise InvalidModel(f"{file.name}: an {kind}'s name is not UTF-8; the file is damaged")
    what = value.type.WhichOneof("value")
    if what != "tensor_type":
        hint = "; export scikit-learn classifiers with zipmap=False" if what in ("sequence_type", "map_type") else ""
        kind_of = (what or "unknown").removesuffix("_type")
        raise InvalidModel(f"{file.name}: {kind} '{value.name}' is a {kind_of}, but Triton serves tensors only{hint}")
    element = value.type.tensor_type.elem_type
    if element not in DTYPES:
        name = onnx.TensorProto.DataType.Name(element) if element in onnx.TensorProto.DataType.values() else element
        raise InvalidModel(f"{file.name}: {kind} '{value.name}' is of type {name}, which Triton does not have")
    if not value.type.tensor_type.HasField("shape"):
        raise InvalidModel(f"{file.name}: {kind} '{value.name}' has no shape; export the model with its shapes")
    dims = value.type.tensor_type.shape.dim
    return Tensor(value.name, DTYPES[element], tuple(d.dim_value if d.HasField("dim_value") else ANY for d in dims))


def share_rows(inputs: Iterable[onnx.ValueInfoProto]) -> bool:
    """Tell whether the inputs' first dimensions may be one and the same: no two names that a person gave differ."""
    names = {value.type.tensor_type.shape.dim[0].dim_param for value in inputs}
    return len({name for name in names if name and not name.startswith("unk__")}) <= 1  # tf2onnx names every free one


def external_files(file: Path, model: onnx.ModelProto) -> dict[str, Path]:
    """Return the external data files by the path under which the model asks for them.

    Raises:
        InvalidModel: one is missing, shorter than the weights that it should hold, or outside the model's folder.
    """
    ends: dict[str, int] = {}
    for weight in external_weights(model.graph):
        entries = {entry.key: entry.value for entry in weight.external_data}
        location = entries.get("location", "")
        if not location or PurePosixPath(location).is_absolute() or ".." in PurePosixPath(location).parts:
            raise InvalidModel(f"{file.name}: weight '{weight.name}' lies outside the model's folder ('{location}')")
        try:
            end = int(entries.get("offset", 0)) + int(entries.get("length", 0))
        except ValueError as error:
            raise InvalidModel(
                f"{file.name}: weight '{weight.name}' has no numbers as its offset and length"
            ) from error
        ends[location] = max(ends.get(location, 0), end)
    for location, end in ends.items():
        data = file.parent / location
        if not data.is_file():
            raise InvalidModel(f"{file.name}: its external data '{location}' is missing; put it beside the model")
        if data.stat().st_size < end:
            raise InvalidModel(
                f"{file.name}: its external data '{location}' has {data.stat().st_size} bytes, {end} expected"
            )
    return {location: file.parent / location for location in ends}


def external_weights(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield the weights kept outside the file, those of nested graphs (branches, loops) included."""
    weights = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            weights += [attribute.t, *attribute.tensors]
            for nested in (attribute.g, *attribute.graphs):
                yield from external_weights(nested)
    yield from (weight for weight in weights if weight.data_location == onnx.TensorProto.EXTERNAL)


ONNX = Format(
    "ONNX",
    inspect,
    (
        Backend("onnxruntime"),
        Backend(
            "python",
            runner="onnx_model.py",
            devices=frozenset({"CPU"}),
            parameters=frozenset({"intra_op_thread_count", "inter_op_thread_count", "execution_mode"}),
        ),
    ),
)
"""Run by Triton's onnxruntime backend where there is one, else by onnxruntime inside its Python backend."""
