"""Pictures through the gateway and through the bare loop, in turns.

draw ──► rounds: bare loop, azureml, nexus, nnc ──► race_page.py
"""

from __future__ import annotations

import base64
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generators import Generator
from pictures import FACTOR, FORMATS, MODEL, MODEL_SIZE, check_answers, draw, requests, write_model
from plan import Plan, take_turns, tell
from server import CORES, Server, serve

from modelport.loadtest.client import Request

BARE = Path(__file__).with_name("bare.py")
BARE_LOOP = "bare loop"
REDUCED_LOOP = "reduced loop"
"""The bare loop, decoding the JPEG as small as the gateway does."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One subject for some seconds."""

    pictures_per_second: float
    cpu_seconds: float
    """CPU time of a picture, over all processes but the load generator's."""
    p50: float = 0.0
    """Seconds; 0 for the bare loop, which answers nobody."""
    p99: float = 0.0
    failed: int = 0


Round = Mapping[str, Lap]
"""One lap of each loop and one of every format, by name."""


@dataclass(frozen=True, slots=True)
class Race:
    """All that was measured with pictures in one run."""

    rounds: Mapping[int, Sequence[Round]]
    """By connections."""
    memory: Mapping[str, int | None]
    """When -> bytes resident of the gateway's processes."""
    facts: Mapping[str, str]
    base64_bytes: int
    """Of the picture."""
    seconds: float
    """Of one lap."""

    @property
    def failed(self) -> int:
        """Failed requests of the gateway."""
        return sum(lap.failed for rounds in self.rounds.values() for each in rounds for lap in each.values())

    def ratios(self, connections: int, name: str, loop: str = BARE_LOOP) -> list[float]:
        """Return each round's pictures/s of a format as a part of a loop's."""
        rounds = self.rounds[connections]
        return [each[name].pictures_per_second / each[loop].pictures_per_second for each in rounds]

    def ratios_per_core(self, connections: int, name: str) -> list[float]:
        """Return each round's pictures per second of CPU time as a part of the bare loop's."""
        return [each[BARE_LOOP].cpu_seconds / each[name].cpu_seconds for each in self.rounds[connections]]

    def ratio_per_core(self, connections: int) -> float:
        """Return the slowest format's median over the rounds."""
        return min(statistics.median(self.ratios_per_core(connections, name)) for name in FORMATS)


Subject = Callable[[int, float], Lap]
"""Runs with so many connections for so many seconds."""


def race(generator: Generator, plan: Plan) -> Race:
    """Let everyone run once a round, in an order that turns, so that whatever else the machine does meets all alike."""
    text = base64.b64encode(draw()).decode()
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as name:
        file = Path(name, "picture.base64")
        file.write_text(text, encoding="ascii")
        with serve(write_model(Path(name)), MODEL) as server:
            asked = requests(server, text)
            subjects: dict[str, Subject] = {
                BARE_LOOP: partial(run_bare, file, 1),
                REDUCED_LOOP: partial(run_bare, file, FACTOR),
            }
            subjects |= {each: partial(run_gateway, server, generator, asked[each]) for each in FORMATS}
            check_answers(asked, text)
            memory = {"idle, before the first request": server.memory()}
            rounds = {}
            for connections in plan.connections:
                rounds[connections] = _run_rounds(subjects, connections, plan)
                memory[f"after {connections} connection{'s' * (connections > 1)}"] = server.memory()
            check_answers(asked, text)
            return Race(rounds, memory, server.describe(), len(text), plan.seconds)


def _run_rounds(subjects: Mapping[str, Subject], connections: int, plan: Plan) -> list[Round]:
    rounds = []
    for number, ran in enumerate(take_turns(subjects, connections, plan), 1):
        rounds.append(ran)
        laps = ", ".join(f"{name} {ran[name].pictures_per_second:.0f}/s" for name in subjects)
        tell(f"{connections} connections, round {number}: {laps}")
    return rounds


def run_gateway(server: Server, generator: Generator, request: Request, connections: int, seconds: float) -> Lap:
    """Load the gateway for so long."""
    before = server.cpu_seconds()
    measured = generator.measure(request, connections, seconds)
    used = server.cpu_seconds() - before
    rate = measured.requests_per_second
    return Lap(rate, used / max(rate * seconds, 1), measured.p50, measured.p99, measured.failed)


def run_bare(file: Path, factor: int, connections: int, seconds: float) -> Lap:
    """Run loops that decode `factor` times smaller side by side for so long: one a connection, at most one a core."""
    command = [sys.executable, str(BARE), str(file), *map(str, MODEL_SIZE), str(factor), str(seconds)]
    processes = min(connections, CORES)
    loops = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    try:
        for loop in loops:
            if _line(loop) != "ready":
                raise SystemExit("the bare loop did not start")
        for loop in loops:
            assert loop.stdin is not None
            loop.stdin.write("\n")
            loop.stdin.flush()
        done = [tuple(map(float, _line(loop).split())) for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
            loop.communicate()
    made, used = sum(count for count, _, _ in done), sum(cpu for _, _, cpu in done)
    return Lap(sum(count / elapsed for count, elapsed, _ in done), used / made)


def _line(loop: subprocess.Popen[str]) -> str:
    assert loop.stdout is not None
    return loop.stdout.readline().strip()
