"""One load test from its arguments to its exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from modelport.errors import ModelportError
from modelport.loadtest.arguments import KEY_VARIABLE
from modelport.loadtest.client import Plan, drive
from modelport.loadtest.errors import LoadtestError, UsageError
from modelport.loadtest.processes import drive_processes
from modelport.loadtest.progress import ProgressDisplay
from modelport.loadtest.report import Setup, build_json, build_report
from modelport.loadtest.tally import Tally
from modelport.loadtest.target import Wanted, check, resolve


def run(args: argparse.Namespace) -> int:
    """Carry one load test out, print its tables and return the exit code."""
    try:
        _check_arguments(args)
        setup, tally = uvloop.run(_load(args, _wanted(args)))
        Console(highlight=False).print(build_report(setup, tally))
        if args.json:
            _write_json(Path(args.json), build_json(setup, tally))
        return 1 if tally.failed and not args.allow_failures else 0
    except ModelportError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"modelport loadtest: {error}", markup=False)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:  # before the load has begun; afterwards it ends the load and prints the tables
        return 130


async def _load(args: argparse.Namespace, wanted: Wanted) -> tuple[Setup, Tally]:
    """Make the request, try it once, and send it until the plan is done or Ctrl-C comes."""
    request = await resolve(wanted)
    await check(request)
    plan = Plan(request, args.concurrency, args.requests, None if args.requests else args.duration)
    stop = asyncio.Event()
    with suppress(ValueError, RuntimeError):  # only the main thread has signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    with ProgressDisplay(plan, Console(stderr=True)) as display:
        if args.processes == 1:
            tally = await drive(plan, stop, display.update)
        else:
            tally = await drive_processes(plan, args.processes, stop, display.update)
    return Setup(request, args.concurrency, args.processes), tally


def _check_arguments(args: argparse.Namespace) -> None:
    """Refuse what argparse lets through, before the load and not after it."""
    if args.processes > args.concurrency:
        raise UsageError(f"--processes {args.processes} is more than --concurrency {args.concurrency}")
    if args.json and not Path(args.json).absolute().parent.is_dir():
        raise UsageError(f"--json {args.json}: there is no such folder")


def _write_json(path: Path, document: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise LoadtestError(f"--json {path} cannot be written: {error.strerror}") from error


def _wanted(args: argparse.Namespace) -> Wanted:
    return Wanted(
        target=args.target,
        base=args.url,
        api=args.api,
        method=args.method,
        headers=dict(args.header),
        key=args.key or os.environ.get(KEY_VARIABLE, "").strip(),
        body=_read("--body", args.body),
        file=_read("--file", args.file),
        file_name=args.file or "",
        rows=args.batch,
        timeout=args.timeout,
    )


def _read(option: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {name} cannot be read: {error.strerror}") from error
