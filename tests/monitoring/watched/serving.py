"""`modelport serve` with something to see: all examples, traffic by every API, errors, and models in every state."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from modelport.discovery import Operation, fetch_operations, fill
from modelport.local.keys import parse_keys

EXAMPLES = Path(__file__).parents[3] / "examples"
START_SECONDS = 180
STOP_SECONDS = 60
ROUNDS = 3
"""In which every operation is asked rightly and wrongly."""

CLOSED = {
    "windows": [{"days": ["Mon"], "start": "08:00", "end": "09:00"}],
    "override": {"until": "2099-01-01T00:00:00Z", "state": "Stopped"},
}


@dataclass(frozen=True)
class Serving:
    """A running server."""

    url: str
    metrics: str
    """host:port of its metrics."""
    keys: Mapping[str, str]
    """By model."""
    operations: Sequence[Operation]

    def drive(self, asked: threading.Event, ended: threading.Event) -> None:
        """Ask by every API of every model, now and then wrongly, until it is ended.

        `asked` is set when each has been asked several times.
        """
        with requests.Session() as session:
            for number, operation in enumerate(itertools.cycle(self.operations)):
                if ended.is_set():
                    return
                if number == ROUNDS * len(self.operations):
                    asked.set()
                self._ask(session, operation, number)
                if number % len(self.operations) == 0:  # it is in no document while its schedule is closed
                    headers = {"x-api-key": self.keys["closed"]}
                    session.post(f"{self.url}/v1/models/closed:predict", json={}, headers=headers, timeout=30)

    def _ask(self, session: requests.Session, operation: Operation, number: int) -> None:
        # One number in seven is prime to the number of operations, so that every operation is asked wrongly at times.
        wrong = {0: "body", 3: "key"}.get(number % 7)
        body = {"wrong": 1} if wrong == "body" else fill(operation)
        if operation.api == "nexus" and isinstance(body, dict):
            body |= {"routines": [{"name": "ActiveLearning"}]} if operation.model in ("kept", "lost") else {}
        key = "wrong" if wrong == "key" else self.keys.get(operation.model, "")
        headers = {"Authorization": f"Bearer {key}"} if operation.api in ("nexus", "azureml") else {"x-api-key": key}
        session.request(operation.method, operation.url, json=body, headers=headers if key else {}, timeout=30)


@contextmanager
def serve(folder: Path) -> Iterator[Serving]:
    """Serve the examples, and four more: `closed`, with a `quota`, with flagged pictures that are `kept`, or `lost`."""
    for manifest in EXAMPLES.glob("*.yaml"):
        shutil.copy(manifest, folder)
    build = [sys.executable, EXAMPLES / "build_models.py", "--out", folder / "models"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    for sink in ("kept", "lost"):
        (folder / sink).mkdir()
        _publish(folder, "5-shapes", sink, evaluation={"threshold": 0, "sink": {"uri": f"file:{sink}"}})
    _publish(folder, "1-half-plus-two", "closed", execution={"schedule": CLOSED})
    _publish(folder, "1-half-plus-two", "quota", execution={"type": "Serverless", "serverless": {"requestQuota": 9999}})

    command = [sys.executable, "-m", "modelport", "serve", folder, "--state-dir", folder / "state"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen([*command, "--port", "0", "--metrics-port", "0"], stdout=out, stderr=err)
    try:
        url, metrics = _wait_for_addresses(process, folder)
        (folder / "lost").rmdir()
        keys = {key.model: key.value for key in reversed(parse_keys((folder / "state/keys").read_text(), "keys"))}
        yield Serving(url, metrics, keys, asyncio.run(fetch_operations(url)))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _publish(folder: Path, example: str, name: str, **spec: Any) -> None:
    """Write the manifest of an example under another name, with more in its spec."""
    manifest = yaml.safe_load((EXAMPLES / f"{example}.yaml").read_text())
    manifest["metadata"]["name"] = manifest["spec"]["model"]["name"] = name
    manifest["spec"] |= spec
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(manifest))


def _wait_for_addresses(process: subprocess.Popen[bytes], folder: Path) -> tuple[str, str]:
    pattern = re.compile(r"^Serving .* on (\S+)$.*^Metrics, health +https?://(\S+)/metrics", re.MULTILINE | re.DOTALL)
    deadline = time.monotonic() + START_SECONDS
    while not (found := pattern.search((folder / "out").read_text())):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"modelport serve did not start:\n{(folder / 'err').read_text()[-4000:]}")
        time.sleep(0.05)
    return found[1], found[2]
