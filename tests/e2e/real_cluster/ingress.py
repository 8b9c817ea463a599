"""An ingress controller in front of the models, and curl through it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_cluster.kubectl import Kube

NAMESPACE = "ingress"
MANIFEST = Path(__file__).parent / "traefik.yaml"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    connections: int
    """How many curl has opened for it: 0 where it went on with one that was there."""
    text: str
    """Of all answers, where several were asked for."""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Ingress:
    """A controller that runs, reached by this machine on two ports."""

    address: str
    """Of its Service, inside the cluster."""
    http: str
    https: str
    """host:port on this machine."""

    def ask(self, *urls: str, arguments: Sequence[str] = (), seconds: float = 120) -> list[Answer]:
        """Ask each URL with one curl, which finds the controller where DNS would name it."""
        to = ("--connect-to", f":80:{self.http}", "--connect-to", f":443:{self.https}")
        command = ["curl", "--silent", "--show-error", "--write-out", r"%{stderr}%{http_code} %{num_connects}\n", *to]
        command += [*arguments, *urls]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        told = [line.split() for line in done.stderr.splitlines()]
        return [Answer(int(status), int(opened), done.stdout) for status, opened in told]


@contextmanager
def run_controller(image: str) -> Iterator[Ingress]:
    """Start Traefik, and take it away afterwards."""
    kube = Kube(NAMESPACE)
    kube("apply", "--server-side", "-f", "-", stdin=MANIFEST.read_text().replace("IMAGE", image))
    try:
        kube("rollout", "status", "deployment/traefik", "--timeout=120s", seconds=130)
        address = kube("get", "service/traefik", "-o", "jsonpath={.spec.clusterIP}")
        with kube.forwarded("service/traefik", 80) as http, kube.forwarded("service/traefik", 443) as https:
            yield Ingress(address, http.removeprefix("http://"), https.removeprefix("http://"))
    finally:
        kube("delete", "-f", "-", "--ignore-not-found", stdin=MANIFEST.read_text())
