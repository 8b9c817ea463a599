"""Values that a model takes, made from what it says of its inputs. Plain lists: they go straight into JSON."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelport.loadtest.errors import LoadtestError, UsageError

MAX_ELEMENTS = 50_000_000
"""Of one tensor; more is a mistake in `--batch` rather than a test."""

_VALUES: Mapping[str, Sequence[Any]] = {
    "float": (1.0, 2.0, 5.0, 0.5),
    "integer": (0, 1),
    "bool": (True, False),
    "string": ("modelport", "text"),
}
"""What the elements of each kind cycle through: ordinary, and valid as class or token numbers too."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a model, as a format's metadata describes it."""

    name: str
    kind: str
    """float, integer, bool or string."""
    shape: tuple[int, ...]
    """-1 is a dimension of any size; as the first one it counts the rows."""
    datatype: str = ""
    """In the format's own words."""

    @property
    def batches(self) -> bool:
        """Whether a request may hold any number of rows."""
        return self.shape[:1] == (-1,)

    def filled(self, rows: int) -> tuple[int, ...]:
        """Return the shape with `rows` rows and every other free dimension 1."""
        if not self.batches:
            if rows != 1:
                raise UsageError(f"--batch {rows}: input {self.name!r} of this model has no dimension for rows")
            return tuple(1 if size < 0 else size for size in self.shape)
        return (rows, *(1 if size < 0 else size for size in self.shape[1:]))

    def flat(self, rows: int) -> list[Any]:
        """Return the elements in row-major order."""
        count = math.prod(self.filled(rows))
        if count > MAX_ELEMENTS:
            raise UsageError(f"--batch {rows}: input {self.name!r} would have {count} elements, above {MAX_ELEMENTS}")
        try:
            return list(itertools.islice(itertools.cycle(_VALUES[self.kind]), count))
        except KeyError as error:
            raise LoadtestError(
                f"cannot make values for input {self.name!r} of type {self.datatype}; give a request with --body"
            ) from error

    def nested(self, rows: int) -> Any:
        """Return the elements as lists in lists; a scalar for the shape []."""
        return _nest(iter(self.flat(rows)), self.filled(rows))


def _nest(elements: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(elements)
    return [_nest(elements, shape[1:]) for _ in range(shape[0])]
