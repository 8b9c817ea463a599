"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from modelport.repository.inspect import Inspected


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    path: str
    """Of the manifest's field to change."""
    message: str
    """What is wrong, and what to do about it."""

    def __str__(self) -> str:
        """Word it for people."""
        return f"{self.path}: {self.message}"


Check = Callable[[Inspected], Iterator[Problem]]


def names(found: Iterable[object]) -> str:
    """List names in a message; "none" where there are none."""
    return ", ".join(map(str, found)) or "none"
