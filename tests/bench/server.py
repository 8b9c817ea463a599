"""`modelport serve` for as long as a measurement lasts, and what the bench looks at from outside."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from modelport.loadtest.client import Request

CORES = len(os.sched_getaffinity(0))
START_SECONDS = 180
"""The first start installs Triton."""
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Server:
    """A gateway and the Triton behind it, with one model."""

    gateway: str
    """Its URL."""
    triton: str
    """The URL of Triton's own HTTP endpoint."""
    key: str = ""
    """Of the model."""
    triton_grpc: str = ""
    """Host and port of Triton's gRPC endpoint, where the bench started it."""
    supervisor: psutil.Process | None = None
    """`modelport serve`, where the bench started it."""

    def describe(self) -> dict[str, str]:
        """Say what answers, in words."""
        version = call(Request("GET", f"{self.triton}/v2"))["version"]
        return {"Triton": f"{version}, Python backend with onnxruntime, on the CPU"}

    def post(self, path: str, body: Any) -> Request:
        """Return a request of the gateway, with the key."""
        return post(f"{self.gateway}{path}", body, {"x-api-key": self.key})

    def memory(self) -> int | None:
        """Return the bytes resident of the gateway's processes; None where they are not ours to look at."""
        return sum(process.memory_info().rss for process in self._gateway_processes()) or None

    def cpu_seconds(self) -> float:
        """Return the CPU time that the gateway and Triton have used so far; 0 where they are not ours to look at."""
        children = self.supervisor.children(recursive=True) if self.supervisor else []
        return sum(sum(child.cpu_times()[:2]) for child in children)

    def _gateway_processes(self) -> list[psutil.Process]:
        children = self.supervisor.children(recursive=True) if self.supervisor else []
        return [child for child in children if "modelport.gateway" in child.cmdline()]


@contextlib.contextmanager
def serve(manifest: Path, model: str, workers: int = 1) -> Iterator[Server]:
    """Run `modelport serve` on a manifest, with so many processes of the gateway, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        state, log, port, key = Path(folder, "state"), Path(folder, "log"), free_port(), secrets.token_urlsafe()
        keys = Path(folder, "keys")
        keys.touch(mode=0o600)
        keys.write_text(f"{model}:bench:{key}\n", encoding="utf-8")
        command = [sys.executable, "-m", "modelport", "serve", str(manifest), "--state-dir", str(state)]
        command += ["--keys", str(keys), "--port", str(port), "--metrics-port", str(free_port())]
        command += ["--workers", str(workers)]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            try:
                gateway = f"http://127.0.0.1:{port}"
                wait_for_answer(process, f"{gateway}/readyz", log)
                supervisor = psutil.Process(process.pid)
                triton, by_grpc = (f"127.0.0.1:{_triton_port(supervisor, kind)}" for kind in ("http", "grpc"))
                yield Server(gateway, f"http://{triton}", key, by_grpc, supervisor)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> Request:
    """Return a request with a JSON body."""
    return Request("POST", url, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode())


def call(request: Request) -> Any:
    """Send a request outside the measurement and return the answer's JSON."""
    sent = urllib.request.Request(
        request.url, data=request.body or None, headers=dict(request.headers), method=request.method
    )
    with urllib.request.urlopen(sent, timeout=request.timeout) as answer:
        return json.load(answer)


def wait_for_answer(process: subprocess.Popen[bytes], url: str, log: Path, pause: float = 0.1) -> None:
    """Ask a server that is starting until it answers 200, every `pause` seconds; end with its log if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # HTTPError is an OSError
            if answer.status == 200:
                return
        time.sleep(pause)
    raise SystemExit(f"{url} was not answered:\n{log.read_text(errors='replace')}")


def _triton_port(supervisor: psutil.Process, kind: str) -> int:
    """Find the port of Triton's own HTTP or gRPC endpoint, which is nobody's business but the supervisor's."""
    for child in supervisor.children(recursive=True):
        for word in child.cmdline():
            if word.startswith(f"--{kind}-port="):
                return int(word.partition("=")[2])
    raise SystemExit("`modelport serve` runs no Triton of its own")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
