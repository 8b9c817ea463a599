"""`make bench`: the gateway beside what bounds it, each part in one run, written to docs/benchmarks.md.

start:    python -m modelport.gateway ──► start.py ──────────────┐
numbers:  modelport serve (or --gateway, --triton) ──► duel.py ──┤
pictures: modelport serve ──► race.py ───────────────────────────┤
peers:    modelport serve, peers/*_server.py ──► peers_duel.py ──┴──► page.py
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import contest_page
import duel_page
import peers_page
import psutil
import race_page
from contest import HTTP, contest
from duel import duel
from generators import Generator, find_generator
from overload import measure_overload
from page import Part, build_page
from peers_duel import GATEWAY, compare
from peers_run import NUMBERS, PEERS, PICTURES, ROWS
from pictures import FORMATS
from plan import Plan, tell
from plot import bars
from race import race
from server import CORES, Server, serve
from start import measure_start
from subjects import MANIFEST, MODEL

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
WORKLOADS = ("numbers", "rows", "columns", "strings", "detections", "binary")
TITLE = "The gateway / Triton's HTTP endpoint; pictures: / the bare loop"
NUMBERS_FLOOR = 1 / 3
"""Of Triton's own endpoint at the most connections; below it the gateway is too slow to be published with."""
PICTURES_FLOOR = 0.95
"""Of the bare loop's rate of a core, at the most connections."""


def main() -> int:
    """Measure, write and print the page; 1 if a request failed or the gateway is too slow."""
    args = _arguments().parse_args()
    generator = find_generator()
    parts = [measure(generator, args) for name, measure in PARTS.items() if args.only in (None, name)]
    page = build_page(parts, _facts(generator))
    if args.only is None or args.output != str(PAGE):
        Path(args.output).write_text(page, encoding="utf-8")
        ratios = {label: rounds for part in parts for label, rounds in part.ratios.items()}
        if ratios:
            Path(args.output).with_suffix(".svg").write_text(bars(TITLE, ratios), encoding="utf-8")
    print(page)
    problems = [problem for part in parts for problem in part.problems]
    for problem in problems:
        tell(problem)
    return 1 if problems else 0


def measure_numbers(generator: Generator, args: argparse.Namespace) -> Part:
    """Measure requests so small that the gateway itself is what they cost."""
    return _measure_numbers(generator, args, 1)


def measure_numbers_on_all_cores(generator: Generator, args: argparse.Namespace) -> Part:
    """Measure the same with a process of the gateway for each core."""
    return _measure_numbers(generator, args, CORES)


def _measure_numbers(generator: Generator, args: argparse.Namespace, workers: int) -> Part:
    with _numbers_server(args, workers) as server:
        found = duel(server, generator, Plan(args.connections, args.rounds, args.seconds), workers)
    most = max(found.rounds)
    problems = _problems(found.failed, found.ratio(most), NUMBERS_FLOOR, f"Triton's own endpoint at {most} connections")
    ratios = {f"numbers, {workers} worker{'s' * (workers > 1)}, {each}": found.ratios(each) for each in found.rounds}
    return Part(duel_page.build_section(found), found.facts, problems, ratios)


def measure_pictures(generator: Generator, args: argparse.Namespace) -> Part:
    """Measure pictures, which cost what reading and scaling them costs."""
    found = race(generator, Plan(args.picture_connections, args.rounds, args.picture_seconds))
    most = max(found.rounds)
    problems = _problems(
        found.failed,
        found.ratio_per_core(most),
        PICTURES_FLOOR,
        f"the bare loop's rate of a core at {most} connections",
    )
    ratios = {f"picture by {name}, {most} connections": found.ratios(most, name) for name in FORMATS}
    return Part(race_page.build_section(found), found.facts, problems, ratios)


def measure_peers(generator: Generator, args: argparse.Namespace) -> Part:
    """Measure the same jobs by other Python model servers."""
    plans = {
        NUMBERS: Plan(args.peer_connections, args.rounds, args.seconds),
        ROWS: Plan(args.picture_connections, args.rounds, args.seconds),
        PICTURES: Plan(args.picture_connections, args.rounds, args.seconds),
    }
    found = compare(generator, {job: plan for job, plan in plans.items() if job in args.peer_jobs})
    failed = {comparison.job: comparison.failed[GATEWAY] for comparison in found}
    problems = [
        f"{number} requests to the gateway failed beside its peers: {job}" for job, number in failed.items() if number
    ]
    facts = {peer.package: peer.version for peer in PEERS}
    return Part(peers_page.build_section(found), facts, problems)


def measure_workloads(generator: Generator, args: argparse.Namespace) -> Part:
    """Measure larger requests, beside both of Triton's own endpoints."""
    found = contest(generator, Plan((), args.rounds, args.workload_seconds), args.workloads)
    problems = [f"{each.failed} requests to the gateway failed: {each.name}" for each in found if each.failed]
    ratios = {
        f"{each.name}, {connections} connections": each.ratios(connections, HTTP)
        for each in found
        if each.name != "numbers"
        for connections in each.rounds
    }
    return Part(contest_page.build_section(found), {}, problems, ratios)


def measure_too_much(_: Generator, args: argparse.Namespace) -> Part:
    """Measure three times as many requests as can be answered."""
    return measure_overload(Plan((), args.rounds, args.seconds))


def measure_starts(_: Generator, args: argparse.Namespace) -> Part:
    """Measure what it takes to start the gateway."""
    return measure_start(args.rounds)


PARTS = {
    "start": measure_starts,
    "numbers": measure_numbers,
    "numbers-on-all-cores": measure_numbers_on_all_cores,
    "workloads": measure_workloads,
    "pictures": measure_pictures,
    "overload": measure_too_much,
    "peers": measure_peers,
}


@contextlib.contextmanager
def _numbers_server(args: argparse.Namespace, workers: int) -> Iterator[Server]:
    if args.gateway:
        yield Server(args.gateway, args.triton, args.key)
    else:
        with serve(MANIFEST, MODEL, workers) as server:
            yield server


def _problems(failed: int, ratio: float, floor: float, other: str) -> list[str]:
    return [
        *([f"{failed} requests to the gateway failed"] if failed else []),
        *([f"the gateway reaches {ratio:.2f} of {other}, expected {floor:.2f}"] if ratio < floor else []),
    ]


def _facts(generator: Generator) -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "Measured": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "Machine": f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} on {platform.machine()}",
        "Python": platform.python_version(),
        "Load generator": generator.description,
    }


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", choices=tuple(PARTS), help="measure one part, and print it without writing the page")
    add("--rounds", type=int, default=5, help="measurements of each (default: 5)")
    add("--connections", type=int, nargs="+", default=[1, 16, 64, 256], help="for numbers (default: 1 16 64 256)")
    add("--seconds", type=int, default=5, help="length of a measurement of numbers (default: 5)")
    add("--picture-connections", type=int, nargs="+", default=[1, 4, 16], help="for pictures (default: 1 4 16)")
    add("--picture-seconds", type=int, default=1, help="length of a measurement of pictures (default: 1)")
    jobs = (NUMBERS, ROWS, PICTURES)
    add("--peer-jobs", nargs="+", choices=jobs, default=jobs, help="for peers (default: all)")
    add("--peer-connections", type=int, nargs="+", default=[1, 16, 64, 256], help="for peers' numbers")
    add("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS, help="which (default: all)")
    add("--workload-seconds", type=int, default=3, help="length of a measurement of a workload (default: 3)")
    add("--gateway", metavar="URL", help="for numbers, a gateway that runs already; needs --triton")
    add("--triton", metavar="URL", help="the HTTP endpoint of the Triton behind it")
    add("--key", default="", help="key of half_plus_two there")
    add("--output", default=str(PAGE), help="(default: docs/benchmarks.md)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
