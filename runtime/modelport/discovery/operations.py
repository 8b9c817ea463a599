"""The ways to call a server's models, and how one of them becomes a request."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from modelport.discovery import pointers
from modelport.discovery.errors import DiscoveryError


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a request holds a file in base64."""

    pointer: str
    """JSON Pointer (RFC 6901) to the text."""
    media_type: str
    """Of the file in the example, such as image/png."""
    type_pointer: str | None = None
    """JSON Pointer to the file's type, in formats where the caller declares it: `png`, `jpg` …"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to call one model."""

    api: str
    """As in `spec.apis`."""
    model: str
    """The name in URLs, `spec.model.name`."""
    method: str
    """POST, in capitals."""
    url: str
    """Absolute."""
    example: Any
    """The JSON of a request that the model takes as it stands."""
    file: FilePlace | None = None
    """None where the request holds no file."""
    key_needed: bool = True


def choose(operations: Sequence[Operation], model: str, api: str | None = None) -> Operation:
    """Return the plainest way to call a model: the first of its first API, or of `api`.

    Raises:
        DiscoveryError: there is no such model, or it has no such API; the message lists those there are.
    """
    of_model = [each for each in operations if each.model == model]
    if not of_model:
        known = ", ".join(dict.fromkeys(each.model for each in operations))
        some = f"a model {model!r}, only for {known}" if known else "any model"
        raise DiscoveryError(f"the server has no example request for {some}")
    for each in of_model:
        if api in (None, each.api):
            return each
    known = ", ".join(dict.fromkeys(each.api for each in of_model))
    raise DiscoveryError(f"model {model!r} has no example request for the API {api!r}; it has them for {known}")


def declare(operation: Operation, name: str) -> Operation:
    """Return the operation as it is called with a file of that name: some formats want its ending as its type."""
    place, ending = operation.file, PurePath(name).suffix.removeprefix(".").lower()
    if place is None or place.type_pointer is None or not ending:
        return operation
    return replace(operation, example=pointers.put(operation.example, place.type_pointer, ending))


def fill(operation: Operation, file: bytes | None = None) -> Any:
    """Return the request's JSON: the example, with `file` in place of the example's own.

    Raises:
        DiscoveryError: a file is given and the request holds none.
    """
    if file is None:
        return operation.example
    if operation.file is None:
        raise DiscoveryError(f"requests to model {operation.model!r} hold no file in the API {operation.api!r}")
    return pointers.put(operation.example, operation.file.pointer, b64encode(file).decode())
