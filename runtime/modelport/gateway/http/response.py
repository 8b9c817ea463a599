"""A response, and its head as it goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from time import time

_STATUS_LINES: Mapping[int, str] = {status: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_WITHOUT_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Response:
    """A status, headers and a whole body. Content-Length, Date and Connection are added when it is sent."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    parting: bool = False
    """It is the connection's last."""


def to_bytes(response: Response, *, without_body: bool = False, connection: str = "") -> tuple[bytes, bytes]:
    """Return head and body as they are sent.

    Args:
        response: what is sent.
        without_body: it answers HEAD.
        connection: the value of the Connection header, if it is needed.

    Raises:
        ValueError: a header holds a line break.
    """
    lines = [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    empty = response.status in _WITHOUT_BODY
    if not empty:
        lines.append(f"Content-Length: {len(response.body)}\r\n")
    if connection:
        lines.append(f"Connection: {connection}\r\n")
    text = f"{_STATUS_LINES[response.status]}Date: {_DATE.read()}\r\n{''.join(lines)}\r\n"
    if text.count("\n") != len(lines) + 3 or text.count("\r") != len(lines) + 3:
        raise ValueError("a header holds a line break")
    return text.encode("utf-8", "surrogateescape"), b"" if empty or without_body else response.body


class _Date:
    """The time as HTTP writes it, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def read(self) -> str:
        second = int(time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


_DATE = _Date()
