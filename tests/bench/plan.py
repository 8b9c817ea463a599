"""How long and how hard a run of the bench measures; the same for numbers and for pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

WARM_UP_SECONDS = 1.0

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Plan:
    """Made of the command line, once for each part."""

    connections: Sequence[int]
    """Each count is measured by itself."""
    rounds: int
    """Measurements of each subject."""
    seconds: float
    """Of one measurement."""


def take_turns(
    subjects: Mapping[str, Callable[[int, float], Measured]], connections: int, plan: Plan
) -> Iterator[dict[str, Measured]]:
    """Warm all up, then yield what each round measured; in every round another subject is the first."""
    for measure in subjects.values():
        measure(connections, WARM_UP_SECONDS)
    for number in range(plan.rounds):
        first = number % len(subjects)
        order = [*subjects][first:] + [*subjects][:first]
        measured = {name: subjects[name](connections, plan.seconds) for name in order}
        yield {name: measured[name] for name in subjects}


def tell(text: str) -> None:
    """Say how far it is."""
    print(text, file=sys.stderr, flush=True)
