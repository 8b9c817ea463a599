"""A real Triton and real servers for this tree. What cannot be had fails the tests; nothing is skipped.

`served` is `modelport serve` on all of examples/, shared by the whole run: no test may change it. `start_server` starts
further ones, for tests that edit, kill or stop.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from modelport.local.keys import parse_keys
from modelport.local.triton_install import TritonInstallation, install_triton

EXAMPLES = Path(__file__).parents[2] / "examples"
START_SECONDS = 90
STOP_SECONDS = 60


@dataclass
class Server:
    """A running `modelport serve`."""

    process: subprocess.Popen[bytes]
    folder: Path
    """Holds manifests/, state/, and what it printed: out and err."""
    url: str = ""
    """Base of the models' addresses, without a slash at the end."""
    metrics_url: str = ""
    """Base of health and metrics."""

    @property
    def keys(self) -> Mapping[str, str]:
        """The first generated key of each model, by its name."""
        path = self.state / "keys"
        lines = parse_keys(path.read_text(), "keys") if path.exists() else []
        return {key.model: key.value for key in reversed(lines)}

    @property
    def manifests(self) -> Path:
        return self.folder / "manifests"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    def predict(self, model: str, body: object, *, key: str | None = None, timeout: float = 60) -> requests.Response:
        """Ask by TensorFlow Serving's API, with the model's own key unless another one is given."""
        key = key or self.keys.get(model)
        headers = {"x-api-key": key} if key else {}
        return requests.post(f"{self.url}/v1/models/{model}:predict", json=body, headers=headers, timeout=timeout)

    def readiness(self) -> Mapping[str, object]:
        return requests.get(f"{self.metrics_url}/readyz", timeout=10).json()

    def descendants(self, name: str = "") -> list[psutil.Process]:
        """Its processes, down to the stubs, whose command line holds `name`."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if name in " ".join(child.cmdline()):
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    def eventually(self, what: Callable[[], object], *, seconds: float = 30) -> None:
        """Wait until `what` is true; fail with what the server logged if it never is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if what():
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        pytest.fail(f"did not come true within {seconds} s; the server logged:\n{self.err[-4000:]}")

    def stop(self, *numbers: signal.Signals) -> int:
        """Send SIGTERM, or these, and return the exit code."""
        for number in numbers or (signal.SIGTERM,):
            if self.process.poll() is None:
                self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


@pytest.fixture(scope="session")
def triton() -> TritonInstallation:
    """Triton from PyPI, installed into the user's cache by the first run."""
    return install_triton(print)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of examples/ with its models, which no test may change."""
    folder = tmp_path_factory.mktemp("examples")
    for manifest in EXAMPLES.glob("*.yaml"):
        shutil.copy(manifest, folder)
    command = [sys.executable, str(EXAMPLES / "build_models.py"), "--out", str(folder / "models")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def run_modelport() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command to its end, and return its exit code and what it said."""

    def run(*arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "modelport", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return run


def launch(folder: Path, arguments: tuple[object, ...]) -> Server:
    """Start a server on free ports and wait until it has printed its addresses."""
    command = [sys.executable, "-m", "modelport", "serve", folder / "manifests", "--state-dir", folder / "state"]
    command += ["--port", 0, "--metrics-port", 0, *arguments]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        server = Server(subprocess.Popen([str(part) for part in command], stdout=out, stderr=err), folder)
    deadline = time.monotonic() + START_SECONDS
    while not (found := re.search(r"^Serving .* on (\S+)$.*^Metrics, health +(\S+)/metrics", server.out, re.M | re.S)):
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.process.kill()
            server.process.wait()
            pytest.fail(f"modelport serve did not start:\n{server.out[-2000:]}\n{server.err[-4000:]}")
        time.sleep(0.05)
    server.url, server.metrics_url = found.groups()
    return server


@pytest.fixture(scope="session")
def serving(
    triton: TritonInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[Server]]:
    """A context in which a folder of manifests is served, copied so that a test may change it."""

    @contextmanager
    def serve(manifests: Path, *arguments: object) -> Iterator[Server]:
        folder = tmp_path_factory.mktemp("server")
        shutil.copytree(manifests, folder / "manifests")
        server = launch(folder, arguments)
        try:
            yield server
        finally:
            server.stop(signal.SIGTERM, signal.SIGINT)  # the second one does not wait

    return serve


@pytest.fixture(scope="session")
def served(serving: Callable[..., AbstractContextManager[Server]], examples: Path) -> Iterator[Server]:
    """All sample models, served for the whole run: `url`, `metrics_url`, `keys` by model."""
    with serving(examples) as server:
        yield server


@pytest.fixture
def start_server(serving: Callable[..., AbstractContextManager[Server]]) -> Iterator[Callable[..., Server]]:
    """Serve a folder of manifests until the test ends."""
    with ExitStack() as stack:
        yield lambda manifests, *arguments: stack.enter_context(serving(manifests, *arguments))


SLEEPER = Path(__file__).parents[1] / "e2e" / "real_cluster" / "sleeper.py"


@pytest.fixture(scope="session")
def write_two_models(examples: Path) -> Callable[[Path], Path]:
    """Write manifests of half_plus_two, and of sleeper, which takes as many seconds as it is told."""

    def write(folder: Path) -> Path:
        shutil.copytree(examples / "models" / "half_plus_two", folder / "models" / "half_plus_two")
        shutil.copy(examples / "1-half-plus-two.yaml", folder)
        (folder / "models" / "sleeper").mkdir()
        shutil.copy(SLEEPER, folder / "models" / "sleeper" / "model.py")
        (folder / "sleeper.yaml").write_text(
            """\
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {name: sleeper}
spec:
  model: {format: Python, source: {uri: "file:models/sleeper"}}
  apis: [tensorflow-serving]
"""
        )
        return folder

    return write


@pytest.fixture
def two_models(write_two_models: Callable[[Path], Path], tmp_path: Path) -> Path:
    """Such manifests, for one test."""
    return write_two_models(tmp_path / "two-models")
