"""Triton's liveness probe, run by bash as the kubelet runs it, beside gateways of every mood."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelport.api.names import METRICS_PORT
from modelport_operator.desired.pod import TRITON_IS_ALIVE

DEAD = b'{"alive": false, "reason": "model cups, version 1: its process has died"}'


@contextmanager
def gateway(answer: bytes | None) -> Iterator[int]:
    """Answer one request so, or never."""
    ended = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            while not asked.endswith(b"\r\n\r\n") and (part := connection.recv(1000)):
                asked.extend(part)
            if answer is None:
                ended.wait(30)
            else:
                connection.sendall(answer)

    asked = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()
    assert asked == b"GET /livez/triton HTTP/1.0\r\n\r\n"


def probe(port: int, *, patience: int = 10) -> subprocess.CompletedProcess[str]:
    script = TRITON_IS_ALIVE.replace(str(METRICS_PORT), str(port)).replace("-rt 10", f"-rt {patience}")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
def test_triton_lives_unless_the_gateway_denies_it(status: str) -> None:
    with gateway(f"HTTP/1.0 {status}\r\n\r\n".encode()) as port:
        assert probe(port).returncode == 0


def test_it_dies_by_the_gateways_word_which_is_told() -> None:
    with gateway(b"HTTP/1.0 503 Service Unavailable\r\n\r\n" + DEAD) as port:
        done = probe(port)
    assert done.returncode == 1
    assert DEAD.decode() in done.stdout


def test_a_gateway_that_is_not_there_yet_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert probe(port).returncode == 0


def test_a_gateway_that_is_too_busy_says_nothing() -> None:
    with gateway(None) as port:
        assert probe(port, patience=1).returncode == 0
