"""What sends the load: wrk where it is installed, else our own client. One of them for all subjects."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import uvloop

from modelport.loadtest.client import Plan, Request, drive
from modelport.loadtest.tally import Tally

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Measurement:
    """One subject under load for some seconds."""

    requests_per_second: float
    p50: float
    """Seconds."""
    p99: float
    """Seconds."""
    failed: int
    """Answers that are not 2xx, broken connections and timeouts."""


class Generator(Protocol):
    """A closed loop: every connection sends its next request when its last one is answered."""

    description: str

    def measure(self, request: Request, connections: int, seconds: float) -> Measurement:
        """Load the address for so long."""


class Wrk:
    """wrk, one thread: C, and far from being the bottleneck."""

    SCRIPT = Path(__file__).with_name("wrk.lua")

    def __init__(self, program: str) -> None:
        self._program = program
        version = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
        self.description = " ".join(version.split()[:2]) + ", one thread"

    def measure(self, request: Request, connections: int, seconds: float) -> Measurement:
        headers = [word for name, value in request.headers.items() for word in ("-H", f"{name}: {value}")]
        load = ["-t1", f"-c{connections}", f"-d{seconds:g}s", f"--timeout={TIMEOUT_SECONDS}s"]
        with tempfile.NamedTemporaryFile(prefix="modelport-bench-") as body:  # too large for the environment
            body.write(request.body)
            body.flush()
            done = subprocess.run(
                [self._program, *load, "-s", str(self.SCRIPT), *headers, request.url],
                env=os.environ | {"BENCH_METHOD": request.method, "BENCH_BODY_FILE": body.name},
                capture_output=True,
                text=True,
                check=True,
                timeout=seconds + 2 * TIMEOUT_SECONDS,
            )
        result = json.loads(done.stdout.splitlines()[-1])
        return Measurement(
            requests_per_second=result["requests"] / (result["microseconds"] / 1e6),
            p50=result["p50"] / 1e6,
            p99=result["p99"] / 1e6,
            failed=result["failed"],
        )


class OwnClient:
    """The client of `modelport loadtest`, one process of Python."""

    description = "modelport loadtest (wrk is not installed), one process"

    def measure(self, request: Request, connections: int, seconds: float) -> Measurement:
        tally = uvloop.run(self._drive(Plan(request, connections, seconds=seconds)))
        return Measurement(
            requests_per_second=tally.rate,
            p50=tally.latencies.percentile(50) or 0.0,
            p99=tally.latencies.percentile(99) or 0.0,
            failed=tally.failed,
        )

    @staticmethod
    async def _drive(plan: Plan) -> Tally:
        return await drive(plan, asyncio.Event())


def find_generator() -> Generator:
    """Return the best load generator of this machine."""
    program = shutil.which("wrk")
    return Wrk(program) if program else OwnClient()
