"""The two that are compared: a gateway and the Triton behind it, found running or started for the occasion."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from modelport.loadtest.client import Request

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "examples" / "1-half-plus-two.yaml"
MODEL = "half_plus_two"
VALUES = [1.0, 2.0, 5.0]
ANSWERS = [2.5, 3.0, 4.5]
START_SECONDS = 180
"""The first start installs Triton."""
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Subjects:
    """Two addresses that give the same three answers."""

    gateway: Request
    triton: Request
    triton_version: str
    supervisor: psutil.Process | None = None
    """`modelport serve`, where we started it."""

    @property
    def requests(self) -> tuple[Request, Request]:
        """The gateway's and Triton's."""
        return self.gateway, self.triton

    @property
    def gateway_description(self) -> str:
        """How many processes answer."""
        count = len(self._gateway_processes())
        return (
            f"{count} process{'es' if count > 1 else ''} of `modelport serve`" if count else "not started by the bench"
        )

    def gateway_memory(self) -> int | None:
        """Return the bytes resident of the gateway's processes."""
        return sum(process.memory_info().rss for process in self._gateway_processes()) or None

    def check_answers(self) -> None:
        """Fail unless both answer right: a fast wrong answer is no benchmark."""
        predictions = _call(self.gateway)["predictions"]
        outputs = _call(self.triton)["outputs"][0]["data"]
        if predictions != ANSWERS or outputs != ANSWERS:
            raise SystemExit(f"wrong answers: gateway {predictions}, Triton {outputs}, expected {ANSWERS}")

    def _gateway_processes(self) -> list[psutil.Process]:
        children = self.supervisor.children(recursive=True) if self.supervisor else []
        return [child for child in children if "modelport.gateway" in child.cmdline()]


@contextlib.contextmanager
def connect(gateway: str, triton: str, key: str) -> Iterator[Subjects]:
    """Compare servers that run already."""
    yield _subjects(gateway, triton, key)


@contextlib.contextmanager
def serve() -> Iterator[Subjects]:
    """Run `modelport serve` on the example for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        state, log, port, key = Path(folder, "state"), Path(folder, "log"), _free_port(), secrets.token_urlsafe()
        keys = Path(folder, "keys")
        keys.touch(mode=0o600)
        keys.write_text(f"{MODEL}:bench:{key}\n", encoding="utf-8")
        command = [sys.executable, "-m", "modelport", "serve", str(MANIFEST), "--state-dir", str(state)]
        command += ["--keys", str(keys), "--port", str(port), "--metrics-port", str(_free_port())]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            try:
                gateway = f"http://127.0.0.1:{port}"
                _wait(process, f"{gateway}/readyz", log)
                supervisor = psutil.Process(process.pid)
                yield _subjects(gateway, f"http://127.0.0.1:{_triton_port(supervisor)}", key, supervisor)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _subjects(gateway: str, triton: str, key: str, supervisor: psutil.Process | None = None) -> Subjects:
    infer = {"inputs": [{"name": "x", "shape": [len(VALUES), 1], "datatype": "FP32", "data": VALUES}]}
    subjects = Subjects(
        _post(f"{gateway}/v1/models/{MODEL}:predict", {"instances": VALUES}, {"x-api-key": key}),
        _post(f"{triton}/v2/models/{MODEL}/infer", infer),
        _call(Request("GET", f"{triton}/v2"))["version"],
        supervisor,
    )
    subjects.check_answers()
    return subjects


def _post(url: str, body: Any, headers: dict[str, str] | None = None) -> Request:
    return Request("POST", url, {"Content-Type": "application/json"} | (headers or {}), json.dumps(body).encode())


def _call(request: Request) -> Any:
    """Send a request outside the measurement and return the answer's JSON."""
    sent = urllib.request.Request(
        request.url, data=request.body or None, headers=dict(request.headers), method=request.method
    )
    with urllib.request.urlopen(sent, timeout=request.timeout) as answer:
        return json.load(answer)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # HTTPError is an OSError
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"`modelport serve` did not get ready:\n{log.read_text(errors='replace')}")


def _triton_port(supervisor: psutil.Process) -> int:
    """Find the port of Triton's own HTTP endpoint, which is nobody's business but the supervisor's."""
    for child in supervisor.children(recursive=True):
        for word in child.cmdline():
            if word.startswith("--http-port="):
                return int(word.partition("=")[2])
    raise SystemExit("`modelport serve` runs no Triton of its own")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
