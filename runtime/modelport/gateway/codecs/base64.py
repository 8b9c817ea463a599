"""Base64 as clients really send it, by pybase64."""

from __future__ import annotations

import re

import pybase64

from modelport.gateway.errors import BadRequest

_DATA_URL = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_LITERAL = re.compile(r"""b(['"])(.*)\1""", re.DOTALL)
_TO_STANDARD = str.maketrans("-_", "+/", " \t\r\n\f\v")


def decode(text: str, path: str) -> bytes:
    r"""Read base64, whatever a client wrapped it in.

    Accepted are line breaks, missing padding, the URL-safe alphabet, a `data:…;base64,` URL and Python's literal
    `b'…'` with its escaped line breaks.

    Raises:
        BadRequest: with `path` in front.
    """
    try:
        return decode_plain(text)
    except ValueError:
        pass  # not the plain form: unwrap it first
    try:
        return decode_plain(_unwrap(text))
    except ValueError as error:
        raise BadRequest(f"{path}: not valid base64 ({len(text)} characters)") from error


def decode_plain(text: str) -> bytes:
    """Read standard base64 with padding, on one line; raise ValueError for anything else."""
    return pybase64.b64decode(text, validate=True)


def encode(data: bytes) -> str:
    """Write standard base64 with padding, on one line."""
    return pybase64.b64encode_as_string(data)


def _unwrap(text: str) -> str:
    text = text.strip()
    if literal := _LITERAL.fullmatch(text):
        text = literal[2].replace("\\n", "")
    if url := _DATA_URL.match(text):
        text = text[url.end() :]
    text = text.translate(_TO_STANDARD).rstrip("=")
    return text + "=" * (-len(text) % 4)
