"""`spec.model`: what is served, where it comes from, and which of its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from modelport.api.frozen import Frozen, Rule
from modelport.api.scalars import (
    Digest,
    DnsName,
    ImageName,
    ListMap,
    ListSet,
    ModelName,
    Share,
    Uri,
    Version,
)

ModelFormat = Literal["ONNX", "TorchScript", "TensorRT", "OpenVINO", "SavedModel", "NNP", "Python", "TritonRepository"]
VersionPolicy = Literal["Latest", "All", "Specific"]


class SecretRef(Frozen):
    """A Secret in the namespace of the resource."""

    name: DnsName
    """Name of the Secret."""


class Source(Frozen):
    """Where the model's files are."""

    uri: Uri
    """Address of a file, an archive or a folder of version folders: s3, gs, azure blob, https, oci, pvc, hf, and file
    for local runs. A password or a signature in it never shows in status, events or logs; a Secret is the better place.
    """
    secret_ref: SecretRef | None = None
    """Secret with the credentials for the address. Absent: the address is read anonymously or by the Pod's own
    identity."""
    digest: Digest | None = None
    """Digest that the files must have: of one file the SHA-256 of its bytes, of a folder that of its sorted
    lines `sha256`, two spaces, relative path, over every version in it. It is returned to callers as `X-Model-Digest`.
    Absent: not checked; of a folder of version folders only the versions to load are fetched, and the digest returned
    is of these files."""


class TrafficShare(Frozen):
    """One version's share of the requests."""

    version: Version
    """Number of the version."""
    percent: Share
    """Share of the requests that name no version, in percent."""


class Versions(Frozen):
    """Which versions are loaded, and which of them answers."""

    policy: VersionPolicy = "Latest"
    """Latest loads the highest version number, All every version, Specific those that `specific` lists. Latest by
    default, because every further version takes memory of its own."""
    specific: Annotated[tuple[Version, ...], Field(max_length=32), ListSet()] = ()
    """Version numbers to load, with policy Specific."""
    labels: Annotated[Mapping[str, Version], Field(max_length=32)] = Field(default_factory=dict)
    """Names for versions, such as `stable: 3`, for requests that name a label."""
    traffic: Annotated[tuple[TrafficShare, ...], Field(max_length=32), ListMap("version")] = ()
    """How requests that name no version are shared out; the percentages add up to 100. Absent: the highest version
    answers all."""

    rules = (
        Rule(
            "self.policy != 'Specific' || (has(self.specific) && size(self.specific) > 0)",
            "policy Specific needs the version numbers to load",
            ".specific",
        ),
        Rule(
            "self.policy == 'Specific' || !has(self.specific) || size(self.specific) == 0",
            "version numbers go with policy Specific alone",
            ".specific",
        ),
        Rule(
            "self.policy != 'Latest' || !has(self.labels) || size(self.labels) == 0",
            "labels need policy All or Specific: Latest loads a single version, whose number changes",
            ".labels",
        ),
        Rule(
            "self.policy != 'Latest' || !has(self.traffic) || size(self.traffic) == 0",
            "traffic needs policy All or Specific: Latest loads a single version",
            ".traffic",
        ),
        Rule(
            "self.policy != 'Specific' || !has(self.specific) || !has(self.labels) "
            "|| self.labels.all(label, self.labels[label] in self.specific)",
            "every label must name a version that `specific` lists",
            ".labels",
        ),
        Rule(
            "self.policy != 'Specific' || !has(self.specific) || !has(self.traffic) "
            "|| self.traffic.all(share, share.version in self.specific)",
            "every share must name a version that `specific` lists",
            ".traffic",
        ),
        Rule(
            "!has(self.traffic) || size(self.traffic) == 0 || self.traffic.map(share, share.percent).sum() == 100",
            "the percentages must add up to 100",
            ".traffic",
        ),
    )


class DynamicBatching(Frozen):
    """How Triton joins requests to batches."""

    max_queue_delay_microseconds: Annotated[int, Field(ge=0, le=60_000_000)] = 0
    """Longest time in microseconds that a request waits for others. 0 by default: the gateway joins requests without
    waiting."""
    preferred_batch_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65536)], ...], Field(max_length=16), ListSet()
    ] = ()
    """Batch sizes at which a batch is sent at once. Absent: as large as the queue gives."""


class ModelConfig(Frozen):
    """How Triton runs the model."""

    max_batch_size: Annotated[int, Field(ge=0, le=65536)] | None = None
    """Most rows in one batch; 0 for a model without a batch dimension. Absent: told from the model's own metadata."""
    dynamic_batching: DynamicBatching | None = None
    """Joins requests to batches inside Triton too. Absent: only the gateway joins them."""
    join_requests: bool | None = None
    """Whether the gateway sends requests to Triton together, as rows of one batch, and larger ones in parts. False for
    a model whose rows have an influence on one another: each request then travels alone and whole. Absent: true."""
    instances_per_gpu: Annotated[int, Field(ge=1, le=64)] | None = None
    """Copies of the model on each GPU, which work side by side and each take memory. Absent: one."""
    parameters: Annotated[Mapping[str, Annotated[str, Field(max_length=4096)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """Parameters for Triton's backend, as in config.pbtxt."""
    pbtxt: Annotated[str, Field(max_length=65536)] | None = None
    """Triton's model configuration in protobuf text format, laid over the one that is generated: what it names wins."""
    triton_image: ImageName | None = None
    """Image of Triton, for a model that needs another release. Absent: the image that this release was tested with."""


class ModelSpec(Frozen):
    """The model: its name, format, files and versions."""

    name: ModelName | None = None
    """Name in addresses and in Triton; underscores are allowed. Unique on its host. Absent: metadata.name."""
    format: ModelFormat
    """Format of the files. SavedModel and NNP are converted to ONNX; TritonRepository is taken as it is, with its own
    config.pbtxt."""
    source: Source
    """Where the files are."""
    versions: Versions = Versions()
    """Which versions are loaded, and which of them answers."""
    config: ModelConfig = ModelConfig()
    """How Triton runs the model."""
