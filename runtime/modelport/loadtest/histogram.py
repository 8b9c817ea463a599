"""Latencies in bounded memory, however long the run."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

_BITS = 11
"""Significant bits kept of a latency in microseconds: exact below 2 ms, within 0.1 % above, ~1,000 cells an octave."""


@dataclass(slots=True)
class Histogram:
    """How often each latency was seen."""

    cells: Counter[int] = field(default_factory=Counter)
    """Upper edge of a cell in microseconds -> latencies in it."""
    longest: int = 0
    """Microseconds, exact."""

    def record(self, seconds: float) -> None:
        """Count one latency."""
        microseconds = round(seconds * 1e6)
        shift = max(microseconds.bit_length() - _BITS, 0)
        self.cells[((microseconds >> shift) + 1 << shift) - 1] += 1
        self.longest = max(self.longest, microseconds)

    def merge(self, other: Histogram) -> None:
        """Add another client's latencies."""
        self.cells.update(other.cells)
        self.longest = max(self.longest, other.longest)

    def percentile(self, percent: float) -> float | None:
        """Return the latency in seconds that `percent` of the requests did not exceed (nearest rank); None if empty.

        The figure is a cell's upper edge: never better than what was measured.
        """
        rank = math.ceil(self.cells.total() * percent / 100)
        seen = 0
        for edge in sorted(self.cells):
            seen += self.cells[edge]
            if seen >= rank:
                return min(edge, self.longest) / 1e6
        return None
