"""What a wire format is to the client: a request that knows its address, its body and how to read the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar
from urllib.parse import quote

from modelport.client.errors import InvalidCall

R_co = TypeVar("R_co", covariant=True)

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON})


@dataclass(frozen=True, slots=True)
class Served:
    """Who answered."""

    version: str = ""
    """Of the model."""
    digest: str = ""
    """Of the model's files."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, with a status of success."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names are found in any case."""

    @property
    def served(self) -> Served:
        """What the gateway's headers say."""
        names = ("X-Model-Version", "X-Model-Digest", "X-Request-Id")
        return Served(*(self.headers.get(name, "") for name in names))

    def json(self) -> Any:
        """Read the body; NaN and the infinities may be bare, as TensorFlow Serving writes them."""
        return json.loads(self.data)


class Request(Protocol[R_co]):
    """One prediction in one format; a frozen dataclass implements it. It answers with R."""

    api: ClassVar[str]
    """As in `spec.apis`."""

    def address(self, model: str) -> str:
        """Return the path, and perhaps a query, below the server's own address."""

    def encode(self) -> Body:
        """Return what is sent. May read files and raise InvalidCall."""

    def decode(self, answer: Answer) -> R_co:
        """Read an answer of status 200; KeyError, TypeError, ValueError … mean that it is none of this format."""


def quoted(model: str) -> str:
    """Return a model's name as one segment of a path."""
    return quote(model, safe="")


def to_json(value: Any) -> bytes:
    """Write JSON; numpy arrays and numbers become lists and numbers, bytes become `{"b64": …}`.

    The latter is TensorFlow Serving's way; no other format's request holds bytes by then.
    """
    return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if hasattr(value, "tolist"):
        return value.tolist()
    raise InvalidCall(f"expected values that JSON can hold, or numpy's, got {type(value).__name__}")
