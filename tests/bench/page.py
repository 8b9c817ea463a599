"""The page of the docs, around the parts that were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tables import table


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one part of the bench."""

    section: str
    """Markdown."""
    facts: Mapping[str, str]
    """What answered, in words."""
    problems: Sequence[str]
    """Why the bench fails."""
    ratios: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """For the plot: each job's rounds as a part of what it is held against."""


def build_page(parts: Sequence[Part], facts: Mapping[str, str]) -> str:
    """Return the Markdown page."""
    sections = "\n".join(part.section for part in parts)
    known = {**facts, **{name: value for part in parts for name, value in part.facts.items()}}
    return f"""# Benchmarks

Written by `make bench`; run it again rather than editing this page.

Load generator, gateway and Triton share one machine, so that all of them compete for its cores.

![Each job as a part of what it is held against; the red line is 1](benchmarks.svg)

{sections}
## Machine

{table([("", ""), *known.items()])}

## Repeat it

```
make bench
make bench ARGS="--only pictures"
make bench ARGS="--only peers --peer-jobs numbers --peer-connections 64 --rounds 3"
```

It loads with wrk where that is installed (Debian package `wrk`), else with the slower client of `modelport loadtest`.
`--only` measures one part, pictures in less than two minutes, and prints it without writing this page. The other model
servers are installed once, 1.5 GB in the cache folder, and need Python 3.11.
`.venv/bin/python tests/bench/bench.py --help` names what can be changed: rounds, seconds, connections, and the
addresses of a gateway and a Triton that run already. The program fails if a request failed, if the gateway at the most
connections falls below a third of Triton's own endpoint or below 0.95 of the bare loop's rate of a core, if it answers
less than 0.9 of its capacity under overload, or if a start takes more than a second or 90 MB.
`tests/bench/saturation.py` is ten minutes of load on their own.
"""
