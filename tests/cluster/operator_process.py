"""An operator as a process of its own, as a Pod would run it, and logins for it."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.cluster import Cluster
from control_plane.server import Server

START_SECONDS = 30.0
IMAGES = ("--runtime-image=example.com/modelport:1", "--triton-image=example.com/triton:1")


@dataclass(frozen=True)
class OperatorProcess:
    """A running operator."""

    server: Server

    @property
    def pid(self) -> int:
        return self.server.process.pid

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has logged. Every line is JSON."""
        return [json.loads(line) for line in self.server.log.read_text().splitlines()]

    def said(self, pattern: str) -> bool:
        return any(re.search(pattern, line["message"]) for line in self.lines)

    @property
    def port(self) -> int:
        """Of its health server."""
        return next(line["health_port"] for line in self.lines if "health_port" in line)

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text that its health server answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_until(self, what: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        self.server.wait_until(what, seconds=seconds)

    def wait_for_end(self, seconds: float = START_SECONDS) -> int:
        """Wait until it ends by itself; return its status."""
        return self.server.process.wait(seconds)


@contextmanager
def start_operator(kubeconfig: Path, log: Path, *flags: str, working: bool = True) -> Iterator[OperatorProcess]:
    """Start an operator, wait until it works (or at least runs), and end it afterwards if it still runs."""
    arguments = ("-m", "modelport_operator", *IMAGES, "--health-port=0", *flags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubeconfig))
        server = Server.start(Path(sys.executable), *arguments, log=log)
    operator = OperatorProcess(server)
    try:
        operator.wait_until(lambda: operator.said("the operator has started"))
        if working:
            operator.wait_until(lambda: operator.ask("/readyz") == (200, "working"))
        yield operator
    finally:
        server.stop()


def log_in(cluster: Cluster, namespace: str, account: str) -> Path:
    """Return a kubeconfig with the token of a service account, and nothing else that would help."""
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", account, "-n", namespace).strip()}
    path = cluster.folder / f"{namespace}-{account}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def wait_until(what: Callable[[], bool], seconds: float = START_SECONDS) -> float:
    """Wait until something is so; return the seconds that it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it did not come to be so"
        time.sleep(0.05)
    return time.monotonic() - began
