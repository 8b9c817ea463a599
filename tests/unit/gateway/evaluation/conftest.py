"""For every test of flagged pictures: a picture, a model whose pictures are stored, and a sink that can misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelport.api.evaluation import Evaluation
from modelport.gateway.evaluation.finding import File, Finding
from modelport.gateway.formats.base import Flagged
from modelport.gateway.metrics import GatewayMetrics
from modelport.storage.errors import StorageError

PREFIX = "modelport_flagged_pictures_"
JPEG = b"\xff\xd8\xff\xe0 a picture"
ANSWER = b'{"predictions":[],"activeLearning":{"flagged":true}}'
TIME = datetime(2026, 11, 22, 16, 50, 47, 123456, UTC)


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    """A flagged picture; what is not given is like everyone's."""

    def make(picture: Any = JPEG, request_id: str = "abc:1", uri: str = "s3://bucket/flagged", **block: Any) -> Finding:
        evaluation = Evaluation.model_validate({"sink": {"uri": uri}, "threshold": 0.6, **block}, strict=False)
        return Finding(Flagged(picture, ANSWER, 0.75), evaluation, "shapes", "3", "sha256:00", request_id, TIME)

    return make


@dataclass
class FakeSink:
    """Holds what was written; raises what is in `troubles` first, and waits where there is a gate."""

    troubles: list[StorageError] = field(default_factory=list)
    gate: threading.Event | None = None
    files: list[File] = field(default_factory=list)
    opened: int = 0
    entered: threading.Event = field(default_factory=threading.Event)

    def open(self, _storage: object) -> FakeSink:
        self.opened += 1
        return self

    def write(self, file: File) -> None:
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.troubles:
            raise self.troubles.pop(0)
        self.files.append(file)

    @property
    def paths(self) -> list[str]:
        return [file.path for file in self.files]


@pytest.fixture
def sink() -> Iterator[FakeSink]:
    sink = FakeSink()
    yield sink
    if sink.gate is not None:
        sink.gate.set()


@pytest.fixture
def metrics() -> GatewayMetrics:
    return GatewayMetrics()


@pytest.fixture
def counted(metrics: GatewayMetrics) -> Callable[[], dict[str, float]]:
    """What was counted of flagged pictures and is not 0: `stored_total`, `failed_total denied` …"""

    def read() -> dict[str, float]:
        text = metrics.render(None)[0].decode()
        samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
        return {
            " ".join([each.name.removeprefix(PREFIX), *filter(None, [each.labels.get("reason")])]): each.value
            for each in samples
            if each.name.startswith(PREFIX) and each.value
        }

    return read


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Any], object]], str]]:
    """Start a server for a function that answers each request; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[Any], object]) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # the client asks before it sends a body, and waits to be told to

            def log_message(self, *args: Any) -> None:
                pass

            def do_PUT(self) -> None:
                answer(self)

            do_POST = do_PUT  # noqa: N815

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
