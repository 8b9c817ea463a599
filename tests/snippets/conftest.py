"""Snippets that are run by their languages' own tools, against a gateway and against a server that notes what comes.

    MODELPORT_NODE_MODULES=… pytest -m snippets tests/snippets

Run only when asked so, by scripts/test-snippets, which brings the tools; then one that is missing is a failure.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from modelport.discovery import Operation, fetch_operations
from modelport.local.keys import parse_keys

EXAMPLES = Path(__file__).parents[2] / "examples"
START_SECONDS = 90
STOP_SECONDS = 60


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "snippets: needs the tools of ten languages")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "snippets" else True


@dataclass(frozen=True)
class Gateway:
    """A running `modelport serve` of all examples."""

    operations: Sequence[Operation]
    keys: Mapping[str, str]
    picture: bytes
    """A PNG that is no operation's example."""


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Serve examples/ on free ports."""
    folder = tmp_path_factory.mktemp("examples")
    for manifest in EXAMPLES.glob("*.yaml"):
        shutil.copy(manifest, folder)
    build = [sys.executable, EXAMPLES / "build_models.py", "--out", folder / "models"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "modelport", "serve", folder, "--state-dir", folder / "state"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen([*command, "--port", "0", "--metrics-port", "0"], stdout=out, stderr=err)
    try:
        base = wait_for_address(process, folder)
        operations = asyncio.run(fetch_operations(base))
        keys = {key.model: key.value for key in reversed(parse_keys((folder / "state/keys").read_text(), "keys"))}
        yield Gateway(operations, keys, (folder / "models/pictures/cross.png").read_bytes())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def wait_for_address(process: subprocess.Popen[bytes], folder: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (found := re.search(r"^Serving .* on (\S+)$", (folder / "out").read_text(), re.MULTILINE)):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"modelport serve did not start:\n{(folder / 'err').read_text()[-4000:]}")
        time.sleep(0.05)
    return found[1]


NOTHING_FOUND: Final = {"predictions": []}


@dataclass
class Recorder:
    """A server that takes everything, and answers as two formats do that have found nothing."""

    url: str = ""
    bodies: dict[str, Any] = field(default_factory=dict)
    """The JSON that came, by path."""
    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    found = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            found.bodies[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.headers[self.path] = {name.lower(): value for name, value in self.headers.items()}
            answer = json.dumps(NOTHING_FOUND).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_snippet(tmp_path: Path) -> Run:
    """Save a program as its comment says, run it so, and return what came of it."""
    node_modules = Path(os.environ["MODELPORT_NODE_MODULES"])
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(command: str, code: str, key: str = "") -> subprocess.CompletedProcess[str]:
        name = re.search(r"\bask\.\w+", command, re.IGNORECASE)
        assert name, "the command names the file"
        (tmp_path / name[0]).write_text(code, encoding="utf-8")
        (tmp_path / "node_modules").symlink_to(node_modules)
        env = os.environ | {"PATH": tools, "MODELPORT_KEY": key, "LC_ALL": "C.UTF-8", "NO_PROXY": "127.0.0.1"}
        return subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", timeout=110
        )

    return run
