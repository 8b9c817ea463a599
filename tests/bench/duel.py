"""Three numbers through the gateway and through Triton's own HTTP endpoint, in turns.

subjects ──► rounds: gateway, Triton ──► null server ──► duel_page.py
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generators import Generator, Measurement
from plan import WARM_UP_SECONDS, Plan, tell
from server import Server
from subjects import Subjects

from modelport.loadtest.client import Request

Pair = tuple[Measurement, Measurement]
"""Gateway and Triton in one round."""


@dataclass(frozen=True, slots=True)
class Duel:
    """All that was measured with numbers in one run."""

    rounds: Mapping[int, Sequence[Pair]]
    """By connections."""
    ceiling: Mapping[int, Measurement]
    """Connections -> the load generator against a server that does nothing."""
    memory: Mapping[str, int | None]
    """When -> bytes resident of the gateway's processes; None where they are not ours to look at."""
    facts: Mapping[str, str]
    """What answered, in words."""
    seconds: float
    """Of one measurement."""
    workers: int
    """Processes of the gateway."""

    @property
    def failed(self) -> int:
        """Failed requests of the gateway."""
        return sum(gateway.failed for rounds in self.rounds.values() for gateway, _ in rounds)

    def ratios(self, connections: int) -> list[float]:
        """Return each round's requests/s of the gateway as a part of Triton's."""
        return [
            gateway.requests_per_second / triton.requests_per_second for gateway, triton in self.rounds[connections]
        ]

    def ratio(self, connections: int) -> float:
        """Return the median over the rounds."""
        return statistics.median(self.ratios(connections))


def duel(server: Server, generator: Generator, plan: Plan, workers: int) -> Duel:
    """Load the two in turns, so that whatever else the machine does meets both alike."""
    subjects = Subjects.of(server)
    memory = {"idle, before the first request": server.memory()}
    rounds: dict[int, list[Pair]] = {}
    ceiling: dict[int, Measurement] = {}
    for connections in plan.connections:
        for subject in subjects.requests:
            generator.measure(subject, connections, WARM_UP_SECONDS)
        rounds[connections] = []
        for number in range(plan.rounds):
            order = subjects.requests if number % 2 == 0 else subjects.requests[::-1]
            measured = {request.url: generator.measure(request, connections, plan.seconds) for request in order}
            gateway, triton = (measured[request.url] for request in subjects.requests)
            rounds[connections].append((gateway, triton))
            tell(f"{connections} connections, round {number + 1}: {_line(gateway)} beside {_line(triton)}")
        memory[f"after {connections} connection{'s' * (connections > 1)}"] = server.memory()
        with _null_server() as null:
            ceiling[connections] = generator.measure(null, connections, plan.seconds)
    subjects.check_answers()
    return Duel(rounds, ceiling, memory, server.describe(), plan.seconds, workers)


@contextlib.contextmanager
def _null_server() -> Iterator[Request]:
    command = [sys.executable, str(Path(__file__).with_name("null_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Request("POST", f"http://127.0.0.1:{int(process.stdout.readline())}/", {}, b"{}")
        finally:
            process.terminate()


def _line(measured: Measurement) -> str:
    return f"{measured.requests_per_second:,.0f}/s p99 {measured.p99 * 1e3:.1f} ms"
