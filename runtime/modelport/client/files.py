"""Pictures and sounds as a caller has them, and as the wire wants them."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from modelport.client.errors import InvalidCall

File = str | os.PathLike[str] | bytes | BinaryIO
"""A file's path, its content, or an open binary file."""

_BEGINNINGS: Sequence[tuple[int, bytes, str]] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"),
    (0, b"II*\0", "tif"),
    (0, b"MM\0*", "tif"),
    (128, b"DICM", "dcm"),
    (8, b"WAVE", "wav"),
)
"""Offset and bytes by which a file is known, and its type in the NNC document's words."""

_SHOWN = 200


def is_url(source: object) -> bool:
    """Tell an http or https address from a path."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def read_file(source: File) -> bytes:
    """Return the content; raise InvalidCall where the file cannot be read."""
    if isinstance(source, bytes):
        return source
    if not isinstance(source, str | os.PathLike):
        return source.read()
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        reason = getattr(error, "strerror", None) or "not a path"
        raise InvalidCall(f"cannot read {os.fspath(source)[:_SHOWN]!r}: {reason}") from error


def encode_file(data: bytes) -> str:
    """Return the content in base64."""
    return base64.b64encode(data).decode()


def type_of(data: bytes, name: str) -> str:
    """Return the type of a picture or sound by its bytes; raise InvalidCall, which says `name`, for another file."""
    for offset, beginning, kind in _BEGINNINGS:
        if data.startswith(beginning, offset):
            return kind
    kinds = ", ".join(dict.fromkeys(kind for _, _, kind in _BEGINNINGS))
    raise InvalidCall(f"{name}: the file begins like none of {kinds}")
