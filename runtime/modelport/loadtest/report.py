"""The results as people read them, in the words of the Nexus document's stress tests, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from modelport.loadtest.addresses import shown
from modelport.loadtest.client import Request
from modelport.loadtest.tally import Tally

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Setup:
    """What was asked for. Its headers are never shown: they hold the key."""

    request: Request
    concurrency: int
    processes: int


def build_report(setup: Setup, tally: Tally) -> Group:
    """Return the tables: setup, results and, where there are any, errors."""
    tables = [
        _table("Setup Options", "Settings", setup_rows(setup)),
        _table("Results", "Values", result_rows(tally)),
    ]
    if tally.failures:
        tables.append(_errors(tally))
    return Group(*tables)


def build_json(setup: Setup, tally: Tally) -> dict[str, Any]:
    """Return the same as an object; seconds and bytes, null where nothing was measured."""
    return {
        "setup": {
            "method": setup.request.method,
            "url": shown(setup.request.url),
            "bodyBytes": len(setup.request.body),
            "concurrency": setup.concurrency,
            "processes": setup.processes,
            "timeoutSeconds": setup.request.timeout,
        },
        "results": {
            "successful": tally.successful,
            "failed": tally.failed,
            "total": tally.total,
            "elapsedSeconds": tally.elapsed,
            "requestsPerSecond": tally.rate,
            "latencySeconds": _latencies(tally),
            "bytesSent": tally.bytes_sent,
            "bytesReceived": tally.bytes_received,
            "errors": [
                {"kind": failure.kind, "message": failure.words, "count": count}
                for failure, count in tally.failures.most_common()
            ],
        },
    }


def setup_rows(setup: Setup) -> list[tuple[str, str]]:
    """Word the setup."""
    processes = f" from {setup.processes} processes" if setup.processes > 1 else ""
    return [
        ("API Call", f"{setup.request.method} {shown(setup.request.url)}"),
        ("Request Body", _bytes(len(setup.request.body))),
        ("Number of API Calls at a Time", f"{setup.concurrency}{processes}"),
        ("Time Limit of a Call", f"{setup.request.timeout:g} seconds"),
    ]


def result_rows(tally: Tally) -> list[tuple[str, str]]:
    """Word the results."""
    latencies = _latencies(tally)
    return [
        ("Successful Calls Made (with 2xx response)", str(tally.successful)),
        ("Failed Calls Made", str(tally.failed)),
        ("Total Calls Made", str(tally.total)),
        ("Elapsed Time for Requests", f"{tally.elapsed:.2f} seconds"),
        ("Successful Calls per Second", f"{tally.rate:,.1f}"),
        *((f"Latency {name}", _milliseconds(seconds)) for name, seconds in latencies.items()),
        ("Bytes Sent / Received (bodies)", f"{_bytes(tally.bytes_sent)} / {_bytes(tally.bytes_received)}"),
    ]


def _latencies(tally: Tally) -> dict[str, float | None]:
    found = {f"p{percent:g}": tally.latencies.percentile(percent) for percent in PERCENTILES}
    return found | {"max": tally.latencies.percentile(100)}


def _table(left: str, right: str, rows: Sequence[tuple[str, str]]) -> Table:
    table = Table(left, right, box=box.ROUNDED)
    for name, value in rows:
        table.add_row(Text(name), Text(value, overflow="fold"))
    return table


def _errors(tally: Tally) -> Table:
    table = Table("Errors", "Message", "Calls", box=box.ROUNDED)
    table.columns[2].justify = "right"
    for failure, count in tally.failures.most_common():
        table.add_row(Text(failure.kind), Text(failure.words, overflow="fold"), Text(str(count)))
    return table


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.2f} ms"


def _bytes(count: int) -> str:
    return f"{count:,} bytes"
