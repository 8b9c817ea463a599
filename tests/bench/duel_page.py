"""The measurements with numbers, as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from duel import Duel
from tables import memory_table, milliseconds, share, spread, table, whole

_FIRST = """## Numbers

One request is a `tensorflow-serving` predict of three values on the sample model half_plus_two
(`{"instances": [1.0, 2.0, 5.0]}`), with a key, through the gateway. Beside it stands Triton's own HTTP endpoint with
the same three values as an Open Inference request, in the same run and on the same Triton. The two take turns."""
_AGAIN = """## Numbers on all cores

The same with `--workers {workers}`: a process of the gateway for each core, since Triton's endpoint uses them all."""


def build_section(duel: Duel) -> str:
    """Return Markdown."""
    count = len(next(iter(duel.rounds.values())))
    intro = _FIRST if duel.workers == 1 else _AGAIN.format(workers=duel.workers)
    return f"""{intro}

Each figure is the median of {count} rounds of {duel.seconds:g} s, with the smallest and largest round behind it.

{table(_throughput(duel))}

The last column is what the load generator itself reaches against a server that does nothing. Where the others come near
to it, they are at least as fast as that.

{table(_latency(duel))}

Memory of the gateway:

{memory_table(duel.memory)}
"""


def _throughput(duel: Duel) -> list[Sequence[str]]:
    header = (
        "Connections",
        "Gateway, requests/s",
        "Triton, requests/s",
        "Gateway / Triton",
        "Failed",
        "Load generator",
    )
    rows: list[Sequence[str]] = [header]
    for connections, rounds in duel.rounds.items():
        gateway, triton = zip(*rounds, strict=True)
        rows.append(
            (
                str(connections),
                spread([m.requests_per_second for m in gateway], whole),
                spread([m.requests_per_second for m in triton], whole),
                spread(duel.ratios(connections), share),
                str(sum(m.failed for m in gateway)),
                whole(duel.ceiling[connections].requests_per_second),
            )
        )
    return rows


def _latency(duel: Duel) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("Connections", "Gateway p50", "Gateway p99", "Triton p50", "Triton p99")]
    for connections, rounds in duel.rounds.items():
        gateway, triton = zip(*rounds, strict=True)
        rows.append(
            (
                str(connections),
                *(
                    spread([getattr(m, name) for m in subject], milliseconds)
                    for subject in (gateway, triton)
                    for name in ("p50", "p99")
                ),
            )
        )
    return rows
