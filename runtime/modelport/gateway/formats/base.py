"""What a wire format is. One module implements it for each document; nothing else knows the document.

    Call ── Format.decode ──► InferRequest ── Triton ──► InferResult ── Format.encode ──► Reply

A format is pure: bytes and numpy arrays in, bytes and arrays out; no web framework, no gRPC, no clock, no metrics. It
is chosen by the route alone, never by looking into the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from modelport.api import PublishedModelSpec
from modelport.gateway.errors import GatewayError, ModelNotFound
from modelport.gateway.tensors import Array, InferRequest, InferResult, ModelMeta

JSON = "application/json"


class Operation(Enum):
    """What a route asks for. The gateway gathers the facts for it; the format words them."""

    INFER = "infer"
    """Tensors through the model: `decode`, Triton, `encode`."""
    MODEL_STATUS = "model_status"
    """The versions' states; facts: `tuple[VersionState, ...]`."""
    MODEL_METADATA = "model_metadata"
    """What the version takes and gives; facts: `ModelMeta`."""
    MODEL_READY = "model_ready"
    """Whether the version (or any) answers; facts: `bool`."""
    MODEL_CONFIG = "model_config"
    """Triton's model configuration; facts: its JSON object."""
    MODEL_STATISTICS = "model_statistics"
    """Triton's statistics; facts: their JSON object."""
    SERVER_METADATA = "server_metadata"
    """facts: `ServerMeta`. Needs no key."""
    SERVER_LIVE = "server_live"
    """facts: `bool`. Needs no key."""
    SERVER_READY = "server_ready"
    """Whether every model answers; facts: `bool`. Needs no key."""
    REPOSITORY_INDEX = "repository_index"
    """The models that the caller's key opens; facts: `tuple[tuple[str, VersionState], ...]`."""
    REFUSED = "refused"
    """Known to the protocol and not offered here (loading models, shared memory …): `describe` raises why."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template such as `/v1/models/{model}/versions/{version}:predict`.

    Placeholders match one non-empty path segment, or the part of it before the template's literal rest, and are
    percent-decoded after the split. `{model}` names the model, `{version}` a version number, `{label}` a version's
    label; the gateway resolves these three. Anything else lands in `Call.params` alone.
    """

    method: str
    path: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Call:
    """A request as a format sees it."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    route: Route | None
    """None when no route matched and the format only words the error."""
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    """Decompressed."""
    request_id: str = ""
    fetched: Mapping[str, bytes] = field(default_factory=dict)
    """What stood behind the URLs that `Format.urls` named, by their JSON paths."""

    def with_body(self, body: bytes) -> Call:
        """The same call, once its body has been read."""
        return replace(self, body=body)

    def with_fetched(self, fetched: Mapping[str, bytes]) -> Call:
        """The same call, once the pictures that it names by URL have been fetched."""
        return replace(self, fetched=fetched)


@dataclass(frozen=True, slots=True)
class Model:
    """What a format may know of the model that a call names."""

    name: str
    spec: PublishedModelSpec
    labels: tuple[str, ...]
    """Class labels: `spec.io.labels`, or the content of `spec.io.labelsFrom`."""
    meta: ModelMeta
    """Of the version that the call resolved to."""
    versions: tuple[int, ...] = ()
    """Every version that answers now, ascending."""


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version's place in its life, in Triton's words: READY, LOADING, UNLOADING or UNAVAILABLE."""

    version: int
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServerMeta:
    """The server behind all models."""

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Flagged:
    """A picture whose answer leaves enough doubt to be worth a second look (`spec.evaluation`)."""

    picture: bytes | Array
    """Its file as it was sent; where it was sent as pixels, these: uint8, height x width x 3 in the order RGB."""
    answer: bytes
    """What was predicted, as JSON."""
    score: float
    """The doubt, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response without the headers that the gateway adds to every one."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    flagged: Flagged | None = None
    """The picture that the reply is about, where it is to be stored beside its answer."""


class Format(Protocol):
    """One document's way to call a model."""

    name: str
    """As in `spec.apis`."""
    prefixes: Sequence[str]
    """Paths below these belong to the format also where no route matches: their errors take its shape."""
    routes: Sequence[Route]
    heavy: bool
    """Its bodies hold pictures, sounds or tables: a few kilobytes may be much work, never done on the event loop."""

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """Return the pictures that the body names by URL, as (JSON path, URL), to be fetched before `decode`.

        Asked only where the model's spec has `access.imageUrls`. The URLs are as the caller wrote them, unchecked.
        """

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read the body into tensors that fit `model.meta`; raise BadRequest with the JSON path."""

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the model's answer."""

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Answer any operation but INFER from the facts that `Operation` names."""

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Give an error the document's shape; the status stays the error's unless the document has its own."""

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """The error for a call whose model or version does not exist; `error` itself unless the document differs."""

    def openapi(self, model: Model) -> dict[str, Any]:
        """Return OpenAPI 3.1 path items, by path with the model's name filled in, specific to this model's tensors."""
