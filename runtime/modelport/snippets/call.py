"""The one request that a snippet sends: what discovery found, ready to be written in any language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from modelport.discovery import Operation, declare, pointers
from modelport.snippets.errors import SnippetError

KEY_VARIABLE: Final = "MODELPORT_KEY"
"""The environment variable from which a snippet reads the key; the key itself never stands in code."""


class Placeholder(Enum):
    """What a body holds beside JSON's values."""

    FILE = "file"
    """The file's content in base64, which the snippet knows when it runs."""


FILE: Final = Placeholder.FILE


@dataclass(frozen=True, slots=True)
class Call:
    """A POST of JSON, and what a snippet says of it."""

    model: str
    api: str
    url: str
    body: Any
    """JSON values; FILE stands where the file goes."""
    file: str | None = None
    """Path of the file that the snippet reads; None where the body is complete."""
    holds_file: bool = False
    """Whether the request carries a picture or sound, be it read or written out."""
    key_needed: bool = True


def build_call(operation: Operation, file: str | None = None) -> Call:
    """Return the call of an operation with its example, or with a file in the example's place.

    Raises:
        SnippetError: the request takes no file, the path cannot be written, or the example is not one that JSON can
            hold in UTF-8.
    """
    if operation.method != "POST":
        raise SnippetError(f"model {operation.model!r} is called by {operation.method} in {operation.api}, not by POST")
    body = operation.example
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise SnippetError(f"the server's example for {operation.model!r} is not JSON that can be sent") from error
    if file is not None:
        body = _read_from(file, operation)
    return Call(
        operation.model, operation.api, operation.url, body, file, operation.file is not None, operation.key_needed
    )


def _read_from(file: str, operation: Operation) -> Any:
    if operation.file is None:
        raise SnippetError(f"--file: a request to {operation.model!r} holds no file in the API {operation.api}")
    if not file or not file.isprintable():  # what the system hands over for a path that is not UTF-8 is not either
        raise SnippetError(f"--file: expected a path of printable characters, got {file!r}")
    return pointers.put(declare(operation, file).example, operation.file.pointer, FILE)
