"""`make bench`: the gateway beside Triton's own HTTP endpoint, in one run, written to docs/benchmarks.md.

modelport serve (or --gateway, --triton) ──► rounds: gateway, Triton, in turns ──► page.py
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from generators import Generator, Measurement, find_generator
from page import Pair, Results, build_page
from subjects import Subjects, connect, serve

from modelport.loadtest.client import Request

ROOT = Path(__file__).parents[2]
FLOOR = 1 / 3
"""Of Triton's own endpoint at the most connections; below it the gateway is too slow to be published with."""
WARM_UP_SECONDS = 1.0


def main() -> int:
    """Measure, write and print the page; 1 if a request failed or the gateway is too slow."""
    args = _arguments().parse_args()
    generator = find_generator()
    with connect(args.gateway, args.triton, args.key) if args.gateway else serve() as subjects:
        results = measure(subjects, generator, args)
    page = build_page(results)
    Path(args.output).write_text(page, encoding="utf-8")
    print(page)
    return verdict(results)


def measure(subjects: Subjects, generator: Generator, args: argparse.Namespace) -> Results:
    """Load the two in turns, so that whatever else the machine does meets both alike."""
    memory = {"idle, before the first request": subjects.gateway_memory()}
    rounds: dict[int, list[Pair]] = {}
    ceiling: dict[int, Measurement] = {}
    for connections in args.connections:
        for subject in subjects.requests:
            generator.measure(subject, connections, WARM_UP_SECONDS)
        rounds[connections] = []
        for number in range(args.rounds):
            order = subjects.requests if number % 2 == 0 else subjects.requests[::-1]
            measured = {request.url: generator.measure(request, connections, args.seconds) for request in order}
            gateway, triton = (measured[request.url] for request in subjects.requests)
            rounds[connections].append((gateway, triton))
            _tell(f"{connections} connections, round {number + 1}: {_line(gateway)} beside {_line(triton)}")
        memory[f"after {connections} connection{'s' * (connections > 1)}"] = subjects.gateway_memory()
        with _null_server() as null:
            ceiling[connections] = generator.measure(null, connections, args.seconds)
    subjects.check_answers()
    return Results(rounds, ceiling, memory, _facts(subjects, generator), args.seconds)


def verdict(results: Results) -> int:
    """Return the exit code, and say why it is not 0."""
    most = max(results.rounds)
    if results.failed:
        _tell(f"{results.failed} requests to the gateway failed")
        return 1
    if results.ratio(most) < FLOOR:
        _tell(
            f"at {most} connections the gateway reaches {results.ratio(most):.2f} of Triton's endpoint, below a third"
        )
        return 1
    return 0


def _facts(subjects: Subjects, generator: Generator) -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "Measured": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "Machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} on {platform.machine()}",
        "Python": platform.python_version(),
        "Triton": f"{subjects.triton_version}, Python backend with onnxruntime, on the CPU",
        "Gateway": subjects.gateway_description,
        "Load generator": generator.description,
    }


@contextlib.contextmanager
def _null_server() -> Iterator[Request]:
    command = [sys.executable, str(Path(__file__).with_name("null_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Request("POST", f"http://127.0.0.1:{int(process.stdout.readline())}/", {}, b"{}")
        finally:
            process.terminate()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement (default: 5)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: 5)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64], help="(default: 1 16 64)")
    parser.add_argument("--gateway", metavar="URL", help="a gateway that runs already; needs --triton")
    parser.add_argument("--triton", metavar="URL", help="the HTTP endpoint of the Triton behind it")
    parser.add_argument("--key", default="", help="key of half_plus_two there")
    parser.add_argument("--output", default=str(ROOT / "docs" / "benchmarks.md"), help="(default: docs/benchmarks.md)")
    return parser


def _line(measured: Measurement) -> str:
    return f"{measured.requests_per_second:,.0f}/s p99 {measured.p99 * 1e3:.1f} ms"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
