"""The measurements as a page of the docs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generators import Measurement

Pair = tuple[Measurement, Measurement]
"""Gateway and Triton in one round."""


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured in one run."""

    rounds: Mapping[int, Sequence[Pair]]
    """Connections -> rounds."""
    ceiling: Mapping[int, Measurement]
    """Connections -> the load generator against a server that does nothing."""
    memory: Mapping[str, int | None]
    """When -> bytes resident of the gateway's processes; None where they are not ours to look at."""
    facts: Mapping[str, str]
    """The machine and the versions, in words."""
    seconds: float
    """Of one measurement."""

    @property
    def failed(self) -> int:
        """Failed requests of the gateway."""
        return sum(gateway.failed for rounds in self.rounds.values() for gateway, _ in rounds)

    def ratio(self, connections: int) -> float:
        """Median over the rounds of the gateway's requests/s as a part of Triton's."""
        return statistics.median(ratios(self.rounds[connections]))


def ratios(rounds: Sequence[Pair]) -> list[float]:
    """Return each round's requests/s of the gateway as a part of Triton's."""
    return [gateway.requests_per_second / triton.requests_per_second for gateway, triton in rounds]


def build_page(results: Results) -> str:
    """Return the Markdown page."""
    count = len(next(iter(results.rounds.values())))
    return f"""# Benchmarks

Written by `make bench`; run it again rather than editing this page.

One request is a `tensorflow-serving` predict of three values on the sample model half_plus_two
(`{{"instances": [1.0, 2.0, 5.0]}}`), with a key, through the gateway. Beside it stands Triton's own HTTP endpoint with
the same three values as an Open Inference request, in the same run and on the same Triton. The two take turns; each
figure is the median of {count} rounds of {results.seconds:g} s, with the smallest and largest round behind it.
Load generator, gateway and Triton share one machine, so that all of them compete for its cores.

## Throughput

{_table(_throughput(results))}

The last column is what the load generator itself reaches against a server that does nothing. Where the others come near
to it, they are at least as fast as that.

## Latency

{_table(_latency(results))}

## Memory of the gateway

{_table([("", "Resident"), *((when, _mebibytes(size)) for when, size in results.memory.items())])}

## Machine

{_table([("", ""), *results.facts.items()])}

## Repeat it

```
make bench
```

It loads with wrk where that is installed (Debian package `wrk`), else with the slower client of `modelport loadtest`.
`.venv/bin/python tests/bench/bench.py --help` names what can be changed: rounds, seconds, connections, and the
addresses of a gateway and a Triton that run already. The program fails if a request failed, or if the gateway at the
most connections falls below a third of Triton's own endpoint.
"""


def _throughput(results: Results) -> list[Sequence[str]]:
    header = (
        "Connections",
        "Gateway, requests/s",
        "Triton, requests/s",
        "Gateway / Triton",
        "Failed",
        "Load generator",
    )
    rows: list[Sequence[str]] = [header]
    for connections, rounds in results.rounds.items():
        gateway, triton = zip(*rounds, strict=True)
        rows.append(
            (
                str(connections),
                _spread([m.requests_per_second for m in gateway], "{:,.0f}".format),
                _spread([m.requests_per_second for m in triton], "{:,.0f}".format),
                _spread(ratios(rounds), "{:.2f}".format),
                str(sum(m.failed for m in gateway)),
                f"{results.ceiling[connections].requests_per_second:,.0f}",
            )
        )
    return rows


def _latency(results: Results) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("Connections", "Gateway p50", "Gateway p99", "Triton p50", "Triton p99")]
    for connections, rounds in results.rounds.items():
        gateway, triton = zip(*rounds, strict=True)
        rows.append(
            (
                str(connections),
                *(
                    _spread([getattr(m, name) for m in subject], _milliseconds)
                    for subject in (gateway, triton)
                    for name in ("p50", "p99")
                ),
            )
        )
    return rows


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def _spread(values: Sequence[float], word: Callable[[float], str]) -> str:
    return f"{word(statistics.median(values))} ({word(min(values))} to {word(max(values))})"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def _mebibytes(size: int | None) -> str:
    return "not measured" if size is None else f"{size / 2**20:,.0f} MiB"
