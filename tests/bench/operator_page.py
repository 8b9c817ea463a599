"""What was measured of the operator, as a page of the docs."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tables import mebibytes, table, whole

from modelport_operator.cluster import PAGE

if TYPE_CHECKING:
    from operator_bench import Measured

BUSY_RATE = 100
"""Changes a second that the bench asks for, of all others together."""


def build_page(measured: Measured) -> str:
    """Return the Markdown page."""
    return f"""# Benchmark of the operator

Written by `make bench-operator`; run it again rather than editing this page.

{measured.count:,} PublishedModels, each with a key and a host of its own, on a real etcd, API server, controller
manager and scheduler; kwok says that Pods run. All of these, the operator and the bench share one machine's cores, so
times are those of the whole control plane.

## From nothing to all Ready

{table(_beginning(measured))}

CPU of every program until then, for each resource:

{table([("Program", "Milliseconds"), *_programs(measured)])}

Writes of the operator, by the API server's audit log:

{table([("Call", "Times", "For each resource"), *_writes(measured)])}

## Nothing to do

{table(_idle(measured))}

The watches themselves are not counted. Every ten minutes a resync lists each kind once, {PAGE} objects a page.

## Many changes

The time from a change of one resource until the API server has taken it, and until the status tells of it, beside
{measured.changing.rate:.0f} changes a second of {measured.changing.others} others, which is what the API server took of
{BUSY_RATE} a second on these cores:

{table(_changes(measured))}

## Machine

{table([("", ""), ("Measured", _today()), ("Cores", str(os.cpu_count())), ("Python", platform.python_version())])}

## Repeat it

```
make bench-operator
make bench-operator ARGS="--models 100 --idle 20 --print"
```

The program fails if more than 250 MiB are resident, if an idle operator makes more than a call a second, or if a change
beside others takes more than a second in the median.
"""


def _beginning(measured: Measured) -> Sequence[Sequence[str]]:
    calls = measured.ready.calls - measured.start.calls
    return [
        ("", ""),
        ("API server has taken all", f"{measured.created_seconds:.1f} s"),
        ("All Ready", f"{measured.ready_seconds:.1f} s"),
        ("Calls of the operator for each resource", f"{calls / measured.count:.1f}"),
        ("CPU of the operator for each resource", _milliseconds(measured, "ready", "start")),
        ("Resident before", mebibytes(measured.start.rss)),
        ("Resident afterwards", mebibytes(measured.ready.rss)),
    ]


def _programs(measured: Measured) -> Sequence[Sequence[str]]:
    rows = sorted(measured.programs.items(), key=lambda row: -row[1])
    return [(name, f"{seconds / measured.count * 1e3:.0f}") for name, seconds in rows]


def _milliseconds(measured: Measured, after: str, before: str) -> str:
    seconds = getattr(measured, after).cpu_seconds - getattr(measured, before).cpu_seconds
    return f"{seconds / measured.count * 1e3:.0f} ms"


def _writes(measured: Measured) -> Sequence[Sequence[str]]:
    rows = sorted(measured.writes.items(), key=lambda row: -row[1])
    return [(call, whole(times), f"{times / measured.count:.2f}") for call, times in rows]


def _idle(measured: Measured) -> Sequence[Sequence[str]]:
    minutes = measured.idle_seconds / 60
    calls = measured.idle.calls - measured.ready.calls
    cpu = measured.idle.cpu_seconds - measured.ready.cpu_seconds
    return [
        ("", ""),
        ("Looked at for", f"{measured.idle_seconds:g} s"),
        ("Calls a minute", f"{calls / minutes:.1f}"),
        ("CPU", f"{cpu / measured.idle_seconds:.1%} of a core"),
        ("Resident", mebibytes(measured.idle.rss)),
    ]


def _changes(measured: Measured) -> Sequence[Sequence[str]]:
    return [
        ("", "Changes", "Taken by the API server, median", "Told by the status, median", "Longest"),
        *(
            (
                when,
                str(len(changes)),
                f"{statistics.median(each.taken for each in changes):.2f} s",
                f"{statistics.median(each.told for each in changes):.2f} s",
                f"{max(each.told for each in changes):.2f} s",
            )
            for when, changes in (("Alone", measured.changing.alone), ("Beside the others", measured.changing.beside))
        ),
    ]


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
