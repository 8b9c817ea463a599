"""Figures as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out, the first of them as the header."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def memory_table(memory: Mapping[str, int | None]) -> str:
    """Lay out the bytes resident by when it was."""
    return table([("", "Resident"), *((when, mebibytes(size)) for when, size in memory.items())])


def spread(values: Sequence[float], word: Callable[[float], str]) -> str:
    """Word the median, and the smallest and largest behind it."""
    return f"{word(statistics.median(values))} ({word(min(values))} to {word(max(values))})"


def whole(value: float) -> str:
    """Word a number without its fraction."""
    return f"{value:,.0f}"


def share(value: float) -> str:
    """Word a ratio."""
    return f"{value:.2f}"


def milliseconds(seconds: float) -> str:
    """Word a time."""
    return f"{seconds * 1e3:.2f} ms"


def mebibytes(size: int | None) -> str:
    """Word a size."""
    return "not measured" if size is None else f"{size / 2**20:,.0f} MiB"
