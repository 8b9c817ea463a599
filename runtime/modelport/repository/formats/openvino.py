"""OpenVINO: `model.xml`, the graph, and `model.bin`, its weights."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import ANY, Backend, Format, ModelSignature, Tensor
from modelport.repository.formats.files import sole_file

MODEL = "model.xml"
WEIGHTS = "model.bin"
OLDEST = 10
"""IR version from which parameters and results are layers of their own, as read here and by OpenVINO since 2020."""

DTYPES = {
    "boolean": "BOOL",
    **{f"u{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{f"i{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"f{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    "bf16": "BF16",
    "string": "BYTES",
}
PRECISIONS = {"BOOL": "BOOL", "BF16": "BF16", "STRING": "BYTES"} | {
    f"{short}{bits}": f"{long}{bits}"
    for short, long in (("U", "UINT"), ("I", "INT"), ("FP", "FP"))
    for bits in (8, 16, 32, 64)
}
"""Of a port's `precision`, which has its own spelling."""


def inspect(path: Path) -> ModelSignature:
    """Read the graph's parameters and results."""
    if path.is_file():
        raise InvalidModel(f"{path.name}: one file; an OpenVINO model is a folder with {MODEL} and {WEIGHTS}")
    file = sole_file(path, MODEL)
    weights = file.with_suffix(".bin")
    if not weights.is_file():
        raise InvalidModel(f"{file.name}: its weights {weights.name} are missing; put them beside it")
    net = parse(file)
    version = int(net.get("version", "0")) if net.get("version", "0").isdigit() else 0
    if net.tag != "net" or version < OLDEST:
        raise InvalidModel(f"{file.name}: not an OpenVINO IR of version {OLDEST} or later; convert the model again")
    layers = {layer.get("id", ""): layer for layer in net.iterfind("layers/layer")}
    inputs = tuple(parameter(file, layer) for layer in layers.values() if layer.get("type") == "Parameter")
    outputs = tuple(
        result(file, layers, edge)
        for edge in net.iterfind("edges/edge")
        if layer_of(file, layers, edge.get("to-layer", "")).get("type") == "Result"
    )
    if not inputs or not outputs:
        raise InvalidModel(f"{file.name}: the graph has no inputs or no outputs")
    return ModelSignature(
        files={MODEL: file, WEIGHTS: weights},
        inputs=inputs,
        outputs=outputs,
        batchable=all(tensor.shape[:1] == (ANY,) for tensor in (*inputs, *outputs)),
        facts={"ir_version": version},
    )


def parse(file: Path) -> ElementTree.Element:
    """Parse an XML file, refusing document types: entities are how a small file grows large or reads another one.

    Raises:
        InvalidModel: not XML, or with a document type.
    """

    def refuse(*_: object) -> NoReturn:
        raise InvalidModel(f"{file.name}: has a document type (<!DOCTYPE …>), which no OpenVINO model needs")

    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        with file.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise InvalidModel(f"{file.name}: not XML: {error}") from error
    return builder.close()


def parameter(file: Path, layer: ElementTree.Element) -> Tensor:
    """Return the input that a Parameter layer stands for."""
    port, data = layer.find("output/port"), layer.find("data")
    if port is None or data is None:
        raise InvalidModel(f"{file.name}: input '{layer.get('name')}' has no type or no port")
    element = data.get("element_type", "")
    if element not in DTYPES:
        raise InvalidModel(f"{file.name}: input '{layer.get('name')}' is of type {element}, which Triton does not have")
    return Tensor(port_name(port, layer), DTYPES[element], port_shape(file, port))


def result(file: Path, layers: dict[str, ElementTree.Element], edge: ElementTree.Element) -> Tensor:
    """Return the output that an edge to a Result layer carries; its name and shape stand at the edge's source."""
    layer = layer_of(file, layers, edge.get("from-layer", ""))
    port = next((p for p in layer.iterfind("output/port") if p.get("id") == edge.get("from-port")), None)
    if port is None:
        raise InvalidModel(f"{file.name}: an edge leaves layer '{layer.get('name')}' at a port that it does not have")
    precision = port.get("precision", "")
    if precision not in PRECISIONS:
        raise InvalidModel(f"{file.name}: output of '{layer.get('name')}' is of type {precision}, which Triton lacks")
    return Tensor(port_name(port, layer), PRECISIONS[precision], port_shape(file, port))


def layer_of(file: Path, layers: dict[str, ElementTree.Element], number: str) -> ElementTree.Element:
    """Return the layer at an edge's end."""
    if number not in layers:
        raise InvalidModel(f"{file.name}: an edge names layer '{number}', which the graph does not have")
    return layers[number]


def port_name(port: ElementTree.Element, layer: ElementTree.Element) -> str:
    """Return a tensor's first name, the layer's where it has none."""
    return (port.get("names") or layer.get("name") or "").split(",")[0]


def port_shape(file: Path, port: ElementTree.Element) -> tuple[int, ...]:
    """Return a port's dimensions; -1 in the file means any, as here."""
    try:
        return tuple(int(dim.text or ANY) for dim in port.iterfind("dim"))
    except ValueError as error:
        raise InvalidModel(f"{file.name}: port '{port.get('id')}' has a dimension that is no number") from error


OPENVINO = Format("OpenVINO", inspect, (Backend("openvino", devices=frozenset({"CPU"})),))
