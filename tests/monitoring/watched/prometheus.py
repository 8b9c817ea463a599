"""A real Prometheus with the chart's rules, for as long as a test needs it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

RULES = Path(__file__).parents[3] / "charts/modelport/rules"
START_SECONDS = 30
STOP_SECONDS = 30


@dataclass(frozen=True)
class Target:
    """What is scraped."""

    job: str
    address: str
    path: str = "/metrics"
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Series:
    """One line of an answer."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    """Of time and value."""


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, expression: str) -> list[Series]:
        """Evaluate an expression now."""
        found = self._get("query", {"query": expression})["result"]
        return [Series(each["metric"], [_point(each["value"])]) for each in found]

    def ask_range(self, expression: str, seconds: float) -> list[Series]:
        """Evaluate an expression at each of the last seconds."""
        now = time.time()
        found = self._get("query_range", {"query": expression, "start": now - seconds, "end": now, "step": 1})["result"]
        return [Series(each["metric"], [_point(point) for point in each["values"]]) for each in found]

    def label_values(self, label: str, series: str) -> list[str]:
        """Return the values of a label, as Grafana asks for them."""
        return list(self._get(f"label/{label}/values", {"match[]": series}))

    def rules(self) -> list[Any]:
        """Return all rules and how they fare."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def targets(self) -> Mapping[str, str]:
        """Return the health of each target, by its job."""
        return {each["labels"]["job"]: each["health"] for each in self._get("targets", {})["activeTargets"]}

    def _get(self, path: str, parameters: Mapping[str, Any]) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


@contextmanager
def run_prometheus(folder: Path, targets: Sequence[Target]) -> Iterator[Prometheus]:
    """Scrape the targets every other second, otherwise as the chart's ServiceMonitors have it done."""
    config = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": [str(path) for path in sorted(RULES.glob("*.yaml"))],
        "scrape_configs": [
            {
                "job_name": target.job,
                "metrics_path": target.path,
                "honor_labels": True,
                "static_configs": [{"targets": [target.address], "labels": dict(target.labels or {})}],
            }
            for target in targets
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    program = shutil.which("prometheus")
    if program is None:
        raise FileNotFoundError("Prometheus is needed: Debian's package prometheus")
    address = f"127.0.0.1:{_free_port()}"
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        _wait(process, f"http://{address}", folder / "log")
        yield Prometheus(f"http://{address}")
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if requests.get(f"{url}/-/ready", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Prometheus did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


def _free_port() -> int:
    # Prometheus does not tell which port it was given for 0.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
