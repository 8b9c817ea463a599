"""How long a gateway process takes until it answers, and what it holds in memory then.

start ──► /healthz is 200 ──► bytes resident ──► stop; so many times
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from page import Part
from plan import tell
from server import free_port, wait_for_answer
from tables import mebibytes, milliseconds, spread, table

STARTS = 5
"""Of each round."""
MOST_SECONDS = 1.0
MOST_BYTES = 90e6


@dataclass(frozen=True, slots=True)
class Start:
    """One process that was started."""

    seconds: float
    resident: int
    """Bytes, as soon as it answers."""


def measure_start(rounds: int) -> Part:
    """Start a gateway without models again and again. It has been started before: Python's files are compiled."""
    _start()
    starts = [_start() for _ in range(rounds * STARTS)]
    seconds, resident = [each.seconds for each in starts], [each.resident for each in starts]
    tell(f"start: {statistics.median(seconds):.2f} s, {statistics.median(resident) / 2**20:.0f} MiB")
    problems = []
    if statistics.median(seconds) > MOST_SECONDS:
        problems.append(f"a start takes {statistics.median(seconds):.2f} s, expected {MOST_SECONDS:g}")
    if statistics.median(resident) > MOST_BYTES:
        problems.append(f"an idle process holds {statistics.median(resident):.0f} bytes, expected {MOST_BYTES:.0f}")
    rows = [
        ("", "One process"),
        ("from its start to its first answer", spread(seconds, milliseconds)),
        ("resident then", spread(resident, mebibytes)),
    ]
    return Part(_section(len(starts), rows), {}, problems)


def _start() -> Start:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        config, log = Path(folder, "config"), Path(folder, "log")
        for name in ("models", "keys"):
            Path(config, name).mkdir(parents=True)
        command = [sys.executable, "-P", "-m", "modelport.gateway", "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(free_port()), "--metrics-port", str(port)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        began = time.perf_counter()
        with log.open("wb") as output, subprocess.Popen(command, env=environment, stderr=output) as process:
            try:
                wait_for_answer(process, f"http://127.0.0.1:{port}/healthz", log, pause=0.005)
                return Start(time.perf_counter() - began, psutil.Process(process.pid).memory_info().rss)
            finally:
                process.terminate()


def _section(count: int, rows: list[tuple[str, str]]) -> str:
    return f"""## Start

A process of the gateway, without models, until it answers `/healthz`; {count} starts, one after the other.

{table(rows)}
"""
