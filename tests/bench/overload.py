"""Three times as many requests as the gateway can answer: what it still answers, and what it sends away.

capacity: as many connections as the queue holds ──► overload: many more, each with a pause, three times the capacity
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from page import Part
from plan import WARM_UP_SECONDS, Plan, tell
from server import Server, serve
from subjects import MANIFEST, MODEL, Subjects
from tables import share, spread, table, whole

from modelport.loadtest.client import Request

SCRIPT = Path(__file__).with_name("overload.lua")
QUEUE = 64
"""Requests that may be in the gateway at once (`spec.limits.queueLength`), and the connections of the capacity."""
CONNECTIONS = 512
TIMES = 3
LEAST_GOODPUT = 0.9


@dataclass(frozen=True, slots=True)
class Load:
    """What came of some seconds; rates are requests/s."""

    answered: float
    refused: float
    told: float
    """Refused with Retry-After."""
    failed: int
    """Neither answered nor refused with 503."""


def measure_overload(plan: Plan) -> Part:
    """Measure rounds of capacity and overload, one after the other; the plan's connections are not used."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("the overload needs wrk, which paces its connections")
    rounds: list[tuple[Load, Load]] = []
    with _server() as server:
        gateway = Subjects.of(server).gateway
        _load(program, gateway, QUEUE, 0, WARM_UP_SECONDS)
        for number in range(plan.rounds):
            capacity = _load(program, gateway, QUEUE, 0, plan.seconds)
            pause = 1000 * CONNECTIONS / (TIMES * max(capacity.answered, 1))
            over = _load(program, gateway, CONNECTIONS, pause, plan.seconds)
            rounds.append((capacity, over))
            tell(f"overload, round {number + 1}: {capacity} then {over}")
    failed = sum(over.failed for _, over in rounds)
    goodput = statistics.median(over.answered / max(capacity.answered, 1) for capacity, over in rounds)
    problems = [f"{failed} requests failed under overload"] if failed else []
    if goodput < LEAST_GOODPUT:
        problems.append(f"under overload {goodput:.2f} of the capacity is answered, expected {LEAST_GOODPUT}")
    return Part(_section(rounds, plan.seconds), {}, problems)


@contextmanager
def _server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        manifest = Path(folder, "model.yaml")
        text = MANIFEST.read_text(encoding="utf-8").replace("file:models", f"file:{MANIFEST.parent}/models")
        manifest.write_text(text.replace("spec:\n", f"spec:\n  limits: {{queueLength: {QUEUE}}}\n"), encoding="utf-8")
        with serve(manifest, MODEL) as server:
            yield server


def _load(program: str, request: Request, connections: int, pause: float, seconds: float) -> Load:
    headers = [word for name, value in request.headers.items() for word in ("-H", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile(prefix="modelport-bench-") as body:
        body.write(request.body)
        body.flush()
        variables = {"BENCH_METHOD": request.method, "BENCH_BODY_FILE": body.name, "BENCH_PAUSE_MS": f"{pause:.0f}"}
        done = subprocess.run(
            [
                program,
                "-t1",
                f"-c{connections}",
                f"-d{seconds:g}s",
                "--timeout=30s",
                "-s",
                str(SCRIPT),
                *headers,
                request.url,
            ],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=True,
        )
    result = json.loads(done.stdout.splitlines()[-1])
    elapsed = result["microseconds"] / 1e6
    return Load(*(result[name] / elapsed for name in ("answered", "refused", "told")), failed=result["failed"])


def _section(rounds: Sequence[tuple[Load, Load]], seconds: float) -> str:
    capacities, overs = zip(*rounds, strict=True)
    offered = [(over.answered + over.refused) / max(capacity.answered, 1) for capacity, over in rounds]
    goodput = [over.answered / max(capacity.answered, 1) for capacity, over in rounds]
    refused, told = sum(over.refused for over in overs), sum(over.told for over in overs)
    rows = [
        ("", "requests/s"),
        (f"capacity, {QUEUE} connections", spread([each.answered for each in capacities], whole)),
        ("offered / capacity", spread(offered, share)),
        ("answered under overload", spread([each.answered for each in overs], whole)),
        ("answered / capacity", spread(goodput, share)),
        ("sent away with 503", spread([each.refused for each in overs], whole)),
        ("of these with Retry-After", f"{told / refused:.0%}" if refused else "none sent away"),
        ("neither", str(sum(each.failed for each in overs))),
    ]
    return f"""## Overload

The same three values to a gateway that lets {QUEUE} requests wait (`spec.limits.queueLength`): first what it answers to
{QUEUE} connections, then {CONNECTIONS} connections that pause so as to offer {TIMES} times that. Medians of
{len(rounds)} rounds of {seconds:g} s. To send a request away costs the gateway a part of what an answer costs, and the
load generator takes its share of the same cores.

{table(rows)}
"""
