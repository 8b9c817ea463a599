"""Everything that would keep a model from being served, found before Triton starts.

Each check is pure: it looks at a model that was read (`inspect.Inspected`) and yields the problems that it finds, each
with the field of the manifest to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelport.repository.errors import InvalidModel
from modelport.repository.inspect import Inspected


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right."""

    path: str
    """Of the manifest's field."""
    message: str
    """What is wrong and what to change."""

    def __str__(self) -> str:
        """Word it for people."""
        return f"{self.path}: {self.message}"


class Unservable(InvalidModel):
    """A model with problems, all of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take at least one."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


Check = Callable[[Inspected], Iterator[Problem]]

CHECKS: tuple[Check, ...] = ()


def lint(model: Inspected) -> tuple[Problem, ...]:
    """Return every problem, in the order of the checks."""
    return tuple(problem for check in CHECKS for problem in check(model))
