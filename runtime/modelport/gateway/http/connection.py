"""One connection: requests are answered one after the other, in the order in which they came.

What is no HTTP is answered 4xx in plain text, without a word of what was sent, which may hold a key. A body is taken
from the socket no faster than someone reads it. A client that leaves takes its request with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import httptools

from modelport.gateway.http.request import Request
from modelport.gateway.http.response import Response, to_bytes

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
"""Answers a request, always; it is cancelled when the client leaves."""
Refuse = Callable[[Request], Response | None]
"""Answers a request at once by its head alone, or leaves it to the handler."""

MAX_HEAD_BYTES = 64 << 10
"""Of the request line and the headers together."""
READ_BUFFER_BYTES = 256 << 10
"""Of a body that nobody reads yet, before the sender is made to wait: a client that is not known yet cannot fill more
than twice of it."""
PIPELINED = 32
"""Requests that may wait on one connection."""
LINGER_SECONDS = 5.0
"""For the rest of a body that nobody wants. A connection closed with bytes unread would take the answer with it."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FAILED = Response(500, {"Content-Type": "text/plain; charset=utf-8"}, b"internal error\n")
_ONE_WRITE_BYTES = 64 << 10


class Connection(asyncio.Protocol):
    """Between a socket and the handler."""

    def __init__(self, handler: Handler, connections: set[Connection], refuse: Refuse = lambda _: None) -> None:
        """Take what answers, and the set of open connections, which this one joins and leaves."""
        self._handler = handler
        self._refuse_at_once = refuse
        self._refused: tuple[Request, Response] | None = None
        """A request that is not handed on if its end comes with its head, and its answer."""
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._requests: deque[Request] = deque()
        """Those that wait for the ones before them."""
        self._receiving: Request | None = None
        """The one whose body is on its way."""
        self._head_known = False
        """What the parser reads now is a head that only tells it how the body is framed."""
        self._refusal: Response | None = None
        """What is said after the last answer, to bytes that are no request."""
        self._deaf = self._closing = False
        """No more requests are taken; the connection ends after the current answer."""
        self._paused = False
        self._head_bytes = -1
        """Of a head that has not ended yet, beyond the piece that it began in; -1 outside of one."""
        self._head_begun = False
        self._drained: asyncio.Future[None] | None = None
        """There while the client reads slower than it is answered."""
        self.task: asyncio.Task[None] | None = None
        """Answers what has come; None while nothing waits for an answer."""
        self.idle_since = self._loop.time()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; who is being answered is not there any more."""
        self._connections.discard(self)
        self._deaf = True
        self._requests.clear()
        if self._receiving is not None:
            self._receiving.finish(broken=True)
            self._receiving = None
        self.resume_writing()
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        if self._deaf:
            return
        self._head_begun = False
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            log.debug("refused a request that is no HTTP: %s", type(error).__name__)
            self._refuse(400, "expected a request in HTTP/1.1")
        if self._refused is not None:
            request, self._refused = self._refused[0], None
            self._hand_on(request)
        if self._head_bytes >= 0 and not self._head_begun:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, f"expected a request's head of at most {MAX_HEAD_BYTES} bytes")
        held = self._receiving.held if self._receiving is not None else 0
        full = held > READ_BUFFER_BYTES or len(self._requests) > PIPELINED
        if full and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Wait with the next answer until the client has read the last ones."""
        self._drained = self._drained or self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # The parser's calls.

    def on_message_begin(self) -> None:
        if self._head_known:
            return
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes, self._head_begun = 0, True

    def on_url(self, part: bytes) -> None:
        if not self._head_known:
            self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_known:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head_known:
            return
        self._head_bytes = -1
        if len(self._target) + sum(len(name) + len(value) for name, value in self._headers) > MAX_HEAD_BYTES:
            self._refuse(431, f"expected a request's head of at most {MAX_HEAD_BYTES} bytes")
        if self._deaf:
            return
        headers: dict[str, str] = {}
        for name, value in self._headers:
            headers.setdefault(_name(name), value.decode("utf-8", "surrogateescape"))
        expectation = headers.get("expect", "").lower()
        if expectation not in ("", "100-continue"):
            self._refuse(417, "expected 100-continue in the Expect header")
            return
        request = self._receiving = Request(
            self._parser.get_method().decode("ascii"),
            self._target.decode("utf-8", "surrogateescape"),
            headers,
            version=self._parser.get_http_version(),
            keep_alive=self._parser.should_keep_alive(),
            on_read=self._welcome if expectation else self._resume_reading,
        )
        idle = self.task is None and self._drained is None and not expectation
        if idle and (response := self._refuse_at_once(request)) is not None:
            self._refused = request, response
        else:
            self._hand_on(request)

    def on_body(self, part: bytes) -> None:
        if self._receiving is not None:
            self._receiving.feed(part)

    def on_message_complete(self) -> None:
        if self._receiving is not None and not self._parser.should_upgrade():
            self._receiving.finish()
            self._receiving = None
            if self._refused is not None:
                self._send_refusal(*self._refused)

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._decline_upgrade()

    def _decline_upgrade(self) -> None:
        """Go on in HTTP/1.1, whatever else the client offers: Java's client offers HTTP/2 with every first request.

        The parser leaves the body to the other protocol, so a new one is told of it.
        """
        self._parser, request = httptools.HttpRequestParser(self), self._receiving
        if request is None:
            return
        coding = request.headers.get("transfer-encoding")
        if request.method == "CONNECT" or not (coding or request.declared):
            request.keep_alive &= request.method != "CONNECT"
            self._deaf |= not request.keep_alive
            request.finish()
            self._receiving = None
            return
        framing = f"Transfer-Encoding: {coding}" if coding else f"Content-Length: {request.declared}"
        self._head_known = True
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())
        self._head_known = False

    # Answering.

    def close_after_answer(self) -> None:
        """End after the current answer, or else the next one, which says so."""
        self._closing = True

    def close_when_idle(self) -> None:
        """Take no more requests; end after the current answer, or at once."""
        self._closing = True
        if self.task is None:
            self._transport.close()

    def abort(self) -> None:
        """End now, whatever is going on."""
        self._transport.abort()

    def _hand_on(self, request: Request) -> None:
        self._requests.append(request)
        if self.task is None:
            self.task = self._loop.create_task(self._answer())

    def _send_refusal(self, request: Request, response: Response) -> None:
        """Answer without a task, which would cost as much as all the rest."""
        self._refused = None
        last = self._closing or response.parting or not request.keep_alive
        self._write(response, request, "close" if last else "keep-alive" if request.version == "1.0" else "")
        self.idle_since = self._loop.time()
        if last:
            self._deaf = self._closing = True
            self._transport.close()

    async def _answer(self) -> None:
        try:
            while self._requests and not self._transport.is_closing():
                request = self._requests.popleft()
                self._resume_reading()
                try:
                    refusal = self._refuse_at_once(request) if request.complete else None  # since its head came
                    response = refusal or await self._handler(request)
                except Exception:
                    log.exception("the handler failed")
                    response = _FAILED
                await self._send(request, response)
            if self._refusal is not None and not self._transport.is_closing():
                await self._leave(self._refusal)
        finally:
            self.task = None
            self.idle_since = self._loop.time()
            if self._closing:
                self._transport.close()

    async def _send(self, request: Request, response: Response) -> None:
        """Send an answer and make the way free for the next one."""
        unasked = "expect" in request.headers and not (request.awaited or request.size or request.complete)
        if unasked:  # nobody knows whether a body follows that was never asked for
            request.keep_alive = False
        last = self._closing or response.parting or not request.keep_alive
        self._write(response, request, "close" if last else "keep-alive" if request.version == "1.0" else "")
        if self._drained is not None:
            await self._drained
        if not request.complete and not unasked:
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await request.rest()
            except TimeoutError:
                last = True
        if last or not request.keep_alive:
            self._deaf = self._closing = True
            self._requests.clear()

    def _write(self, response: Response, request: Request | None, connection: str) -> None:
        without_body = request is not None and request.method == "HEAD"
        try:
            head, body = to_bytes(response, without_body=without_body, connection=connection)
        except ValueError:
            log.exception("an answer cannot be sent")
            head, body = to_bytes(_FAILED, without_body=without_body, connection=connection)
        if len(body) < _ONE_WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def _leave(self, response: Response) -> None:
        """Say a last word and wait a moment for the client to have read it."""
        self._closing = True
        self._write(response, None, "close")
        with contextlib.suppress(OSError, RuntimeError):
            self._transport.write_eof()
        await asyncio.sleep(LINGER_SECONDS)

    def _refuse(self, status: int, sentence: str) -> None:
        if self._deaf:
            return
        self._deaf = True
        if self._receiving is not None:  # its handler words the error
            self._receiving.keep_alive = False
            self._receiving.finish(broken=True)
            self._receiving = None
            return
        headers = {"Server": "modelport", "Content-Type": "text/plain; charset=utf-8"}
        self._refusal = Response(status, headers, sentence.encode() + b"\n")
        if self.task is None:
            self.task = self._loop.create_task(self._answer())

    def _welcome(self) -> None:
        """Ask for a body whose sender waits for that, unless some of it has come all the same."""
        if self._receiving is not None and not self._receiving.size:
            self._transport.write(_CONTINUE)
        self._resume_reading()

    def _resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()


@lru_cache(maxsize=512)
def _name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()
