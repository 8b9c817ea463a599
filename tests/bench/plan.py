"""How long and how hard a run of the bench measures; the same for numbers and for pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Made of the command line, once for each part."""

    connections: Sequence[int]
    """Each count is measured by itself."""
    rounds: int
    """Measurements of each subject."""
    seconds: float
    """Of one measurement."""


def tell(text: str) -> None:
    """Say how far it is."""
    print(text, file=sys.stderr, flush=True)
