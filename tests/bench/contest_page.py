"""The workloads, as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from contest import GATEWAY, GRPC, HTTP, Contest
from tables import mebibytes, milliseconds, share, spread, table


def build_section(contests: Sequence[Contest]) -> str:
    """Return Markdown."""
    first = contests[0]
    jobs = "\n".join(
        f"- **{each.name}**: {each.workload.title}. {_kilobytes(each.request_bytes)} sent, "
        f"{_kilobytes(each.answer_bytes)} answered."
        for each in contests
    )
    return f"""## Larger requests

The same job by the gateway and by Triton's own HTTP and gRPC endpoints, in turns on the same Triton; all three have
given the same answer before anything is timed. Models compute next to nothing. Each figure is the median of
{len(next(iter(first.rounds.values())))} rounds of {first.seconds:g} s, with the smallest and largest round behind it.

{jobs}

{table(_rates(contests))}

gRPC is loaded from Python: with one connection by the blocking call of Triton's own client classes, with more by
coroutines in one process, whose own cost is in the figure. The gateway's headers, keys and metrics are in its.

{table(_latency(contests))}

Memory of the gateway at the end: {", ".join(f"{each.name} {mebibytes(each.memory)}" for each in contests)}.
"""


def _rates(contests: Sequence[Contest]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        ("Job", "Connections", *(f"{name}, requests/s" for name in (GATEWAY, HTTP, GRPC)), "Gateway / HTTP", "Failed")
    ]
    for each in contests:
        for connections, rounds in each.rounds.items():
            rates = (
                spread([measured[name].requests_per_second for measured in rounds], _rate)
                for name in (GATEWAY, HTTP, GRPC)
            )
            failed = str(sum(measured[GATEWAY].failed for measured in rounds))
            rows.append((each.name, str(connections), *rates, spread(each.ratios(connections, HTTP), share), failed))
    return rows


def _latency(contests: Sequence[Contest]) -> list[Sequence[str]]:
    names = (GATEWAY, HTTP, GRPC)
    rows: list[Sequence[str]] = [("Job", "Connections", *(f"{name}, p50" for name in names), f"{GATEWAY}, p99")]
    for each in contests:
        for connections, rounds in each.rounds.items():
            medians = (spread([measured[name].p50 for measured in rounds], milliseconds) for name in names)
            slowest = spread([measured[GATEWAY].p99 for measured in rounds], milliseconds)
            rows.append((each.name, str(connections), *medians, slowest))
    return rows


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.1f} kB"
