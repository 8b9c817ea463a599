"""What every test of a fetch needs: a cache, limits that do not wait, and a server that answers as the test says."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelport.repository.cache import Cache
from modelport.repository.limits import FetchLimits

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def limits() -> FetchLimits:
    return FetchLimits(attempts=3, backoff_seconds=0, stall_seconds=5, redirects=3)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start a server for a function that answers each request; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            do_GET = do_HEAD = do_POST = lambda self: answer(self)  # noqa: N815

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: Any) -> None:
                """Clients that hang up are part of the tests."""

        server = Server(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass
class Web:
    """A file behind HTTP, whose server can misbehave in every way that a server does."""

    body: bytes
    etag: str | None = '"1"'
    ranges: bool = True
    cuts: list[int | None] = field(default_factory=list)
    """For each request of a body in turn, the bytes after which the connection breaks; None or no more: all of it. It
    breaks when they have arrived, so fetch with `progress=web.progress`."""
    statuses: list[int] = field(default_factory=list)
    """Answered to the first requests instead of the file."""
    extra_length: int = 0
    """Added to every Content-Length."""
    announce: bool = True
    """Whether there is a Content-Length."""
    before_body: Callable[[], None] = lambda: None
    asked: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request, by lower-case name."""
    sent: list[int] = field(default_factory=list)
    """The offset of each body sent; the look before a download is not counted."""
    url: str = ""
    _arrived: threading.Condition = field(default_factory=threading.Condition)
    _done: int = 0

    def progress(self, uri: str, done_bytes: int, total_bytes: int | None) -> None:
        with self._arrived:
            self._done = done_bytes
            self._arrived.notify_all()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append({name.lower(): value for name, value in handler.headers.items()})
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        look = handler.headers.get("Range") == "bytes=0-0"
        begin, end = self._send_headers(handler)
        if look:
            handler.wfile.write(self.body[begin:end])
            return
        self.sent.append(begin)
        self.before_body()
        cut = self.cuts.pop(0) if self.cuts else None
        end = end if cut is None else min(end, begin + cut)
        handler.wfile.write(self.body[begin:end])
        if cut is not None:
            with self._arrived:
                self._arrived.wait_for(lambda: self._done >= end, timeout=5)

    def _send_headers(self, handler: BaseHTTPRequestHandler) -> tuple[int, int]:
        """Headers for the part that is asked for; returns where it begins and ends."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        partial = asked and self.ranges and handler.headers.get("If-Range", self.etag) == self.etag
        begin = int(asked[1]) if partial else 0
        end = min(len(self.body), int(asked[2]) + 1) if partial and asked[2] else len(self.body)
        handler.send_response(206 if partial else 200)
        if partial:
            handler.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(self.body)}")
        if self.etag is not None:
            handler.send_header("ETag", self.etag)
        if self.announce:
            handler.send_header("Content-Length", str(end - begin + self.extra_length))
        handler.end_headers()
        return begin, end


@pytest.fixture
def web(serve: Callable[[Answer], str]) -> Web:
    """A server of `model.onnx` with 300 kB."""
    site = Web(bytes(range(256)) * 1200)
    site.url = f"{serve(site)}/models/model.onnx"
    return site
