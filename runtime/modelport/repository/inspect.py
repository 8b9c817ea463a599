"""What a PublishedModel's files are and say, before anything is laid out: the subject of every lint.

Fetched ─► layout ─► wanted versions ─► (conversion) ─► Format.inspect ─► Inspected
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tritonclient.grpc import model_config_pb2 as pb

from modelport.api import PublishedModel, model_name
from modelport.repository.capabilities import Capabilities
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Backend, Format, ModelSignature
from modelport.repository.formats.registry import FORMATS
from modelport.repository.layout import Layout, find_layout, select_versions
from modelport.repository.triton_config import build_config, keep_config, parse_config, tensors_of

LABELS_BYTES = 2**20
"""Longest file of class labels that is read."""

Convert = Callable[[str, Path], Path]
"""From a format's name and a version's files to the folder of its ONNX model."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A model that was read, and how it would run."""

    resource: PublishedModel
    capabilities: Capabilities
    layout: Layout
    backend: Backend | None
    """None where this Triton has no way to run the format, and for the format TritonRepository."""
    versions: Mapping[int, ModelSignature]
    """Those that are wanted, in ascending order."""
    labels: tuple[str, ...]
    """Names of the classes."""
    config: pb.ModelConfig
    """Triton's configuration of it."""

    @property
    def newest(self) -> ModelSignature:
        """The signature of the highest version."""
        return self.versions[max(self.versions)]


def inspect(resource: PublishedModel, path: Path, capabilities: Capabilities, convert: Convert) -> Inspected:
    """Read the model at `path`, which was fetched for the resource.

    Raises:
        InvalidModel: it cannot be read at all. What can be read and not be served is for `lint`.
    """
    layout = find_layout(path)
    own = (
        None if layout.config is None else parse_config(layout.config.read_text("utf-8", "replace"), layout.config.name)
    )
    fmt = FORMATS.get(resource.spec.model.format, FORMATS["ONNX"])  # what is not in the table is converted to ONNX
    versions = {
        number: inspect_version(resource, fmt, number, layout, convert)
        for number in select_versions(layout, resource.spec.model.versions)
    }
    backend = choose_backend(fmt, capabilities)
    config = configure(resource, versions[max(versions)], backend, own)
    versions = {number: declared(signature, config) for number, signature in versions.items()}
    return Inspected(resource, capabilities, layout, backend, versions, class_labels(resource, layout), config)


def inspect_version(
    resource: PublishedModel, fmt: Format, number: int, layout: Layout, convert: Convert
) -> ModelSignature:
    """Read one version, converted if need be; where it has a folder of its own, a problem names it."""
    path, name = layout.versions[number], resource.spec.model.format
    try:
        return fmt.inspect(path if name == fmt.name else convert(name, path))
    except InvalidModel as error:
        if not layout.numbered:
            raise
        raise InvalidModel(f"version {number}: {error}") from error


def configure(
    resource: PublishedModel, newest: ModelSignature, backend: Backend | None, own: pb.ModelConfig | None
) -> pb.ModelConfig:
    """Return Triton's configuration of the model; of one that this Triton cannot run, the name alone."""
    spec, name = resource.spec, model_name(resource)
    if spec.model.format == "TritonRepository":
        if own is None:
            raise InvalidModel("no config.pbtxt beside the version folders; write one, or name the model's own format")
        return keep_config(name, spec, own)
    return pb.ModelConfig(name=name) if backend is None else build_config(name, spec, newest, backend, own)


def choose_backend(fmt: Format, capabilities: Capabilities) -> Backend | None:
    """Return the first of the format's backends that this Triton has."""
    return next(
        (
            backend
            for backend in fmt.backends
            if backend.name in capabilities.backends
            and (backend.runner is None or backend.runner in capabilities.runners)
        ),
        None,
    )


def declared(signature: ModelSignature, config: pb.ModelConfig) -> ModelSignature:
    """Complete a signature whose format tells no tensors from those that the configuration declares."""
    inputs, outputs = tensors_of(config)
    if signature.known or not (inputs or outputs):
        return signature
    return replace(signature, inputs=inputs, outputs=outputs, batchable=config.max_batch_size > 0, described=True)


def class_labels(resource: PublishedModel, layout: Layout) -> tuple[str, ...]:
    """Return the names of the classes, from the manifest or from the file beside the model.

    Raises:
        InvalidModel: the file is missing, too long, or not UTF-8 text.
    """
    io = resource.spec.io
    if io.labels_from is None:
        return io.labels
    try:
        file = layout.beside(io.labels_from)
        if file.stat().st_size > LABELS_BYTES:
            raise InvalidModel(f"{io.labels_from} has more than {LABELS_BYTES} bytes; one label a line is expected")
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidModel(f"spec.io.labelsFrom: {io.labels_from} is not UTF-8 text") from error
    except InvalidModel as error:
        raise InvalidModel(f"spec.io.labelsFrom: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())
