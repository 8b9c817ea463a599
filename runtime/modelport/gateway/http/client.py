"""The other side: questions to one server over connections that stay open, each answered whole before the next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httptools

KEPT = 64
"""Connections that stay open for the next question; more are opened while more are asked at a time."""


class BadAnswer(Exception):
    """What came is no HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a whole body."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; of several of one name the last."""
    body: bytes


class Client:
    """Asks one server. A question whose asker is cancelled takes its connection with it."""

    def __init__(self, host: str, port: int) -> None:
        """Take the server's address; nothing is sent yet."""
        self._address = host, port
        self._host = f"Host: {host}:{port}\r\n"
        self._kept: set[_Connection] = set()

    async def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Ask for a page; return the answer, whatever its status. Raises what `post` does."""
        return await self._ask(f"GET {path}", headers, ())

    async def post(self, path: str, headers: Mapping[str, str], body: Sequence[bytes | memoryview]) -> Answer:
        """Send the parts of a body; return the answer, whatever its status.

        Raises:
            ConnectionRefusedError: nobody listens.
            ConnectionError: the connection ended before the answer did.
            BadAnswer: the answer is no HTTP.
        """
        return await self._ask(f"POST {path}", {**headers, "Content-Length": str(sum(map(len, body)))}, body)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._kept:
            self._kept.pop().abort()

    async def _ask(self, what: str, headers: Mapping[str, str], body: Sequence[bytes | memoryview]) -> Answer:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{what} HTTP/1.1\r\n{self._host}{lines}\r\n"
        connection = self._kept.pop() if self._kept else await self._connect()
        try:
            answer = await connection.ask((head.encode("latin-1"), *body))
        except BaseException:
            connection.abort()
            raise
        if len(self._kept) < KEPT and connection.lasting:
            self._kept.add(connection)
        else:
            connection.abort()
        return answer

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self._kept), *self._address)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, and the answer that is on its way."""

    def __init__(self, kept: set[_Connection]) -> None:
        """Take the set of those that wait for a question, which this one leaves when it ends."""
        self._siblings = kept
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.lasting = True
        """It takes another question."""

    def ask(self, parts: Sequence[bytes | memoryview]) -> asyncio.Future[Answer]:
        """Send a request; no other is on its way."""
        self._answer = self._loop.create_future()
        if self.lasting:
            self._transport.writelines(parts)
        else:
            self._fail(ConnectionResetError("the server closed the connection"))
        return self._answer

    def abort(self) -> None:
        self._transport.abort()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lasting = False
        self._siblings.discard(self)
        self._fail(ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(BadAnswer("expected an answer in HTTP/1.1"))
            self.abort()

    # The parser's calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        headers, self._headers = self._headers, {}
        body, self._body = self._body, []
        self.lasting = self.lasting and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            whole = body[0] if len(body) == 1 else b"".join(body)
            self._answer.set_result(Answer(self._parser.get_status_code(), headers, whole))
        self._answer = None

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._answer = None
