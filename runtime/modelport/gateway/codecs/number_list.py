"""Long lists of numbers in a JSON text, read into arrays without a Python object for each number.

A body with a picture or a table is a little JSON around one long list. `cut_out` takes such lists out of the text and
leaves a mark for each; `json.loads` reads what is left and puts a `NumberList` where each mark stands;
`arrays.parse_array` asks that for its array.

Cut out is only what is beyond doubt: nested lists of one shape that hold nothing but numbers. simdjson parses them, as
strict as orjson and to the same doubles and 64-bit integers. Their shape is proven by comparison: the text without its
numbers must be, byte for byte, the brackets and commas of that shape. Everything else stays in the text and is read
value by value, and so is the whole text where anything in it is wrong, so that messages are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, TypeGuard, overload

import numpy as np
import orjson
import simdjson

from modelport.gateway.tensors import Array

LARGE: Final = 8 << 10
"""Bytes between two strings from which on a list is looked for there; of less, orjson makes objects as fast."""
RANK: Final = 32
"""Lists inside one another that may make one tensor."""
MARK: Final = "\0"
"""Begins the string that stands in a list's place, with its number behind. No other string has it: it would have to be
written with an escape, and nothing is cut out of a text that has any."""

_STRINGS: Final = 1024
"""So many are passed over in search of lists."""
_NUMBERS_AND_SPACE: Final = b"0123456789+-.eE \t\r\n"
_SPACE: Final = b" \t\r\n"


class NumberList(Sequence[Any]):
    """Nested lists of numbers of one shape, parsed and not yet made into anything.

    As a sequence it is what the JSON says, lists and all; its values are made anew each time that they are asked for.
    """

    __slots__ = ("_parsed", "_text", "shape")

    def __init__(self, text: memoryview, shape: tuple[int, ...]) -> None:
        """Parse a list that has the marks of that shape; raise ValueError where it is no JSON after all."""
        try:
            parsed = simdjson.Parser().parse(text)
        except RuntimeError as error:  # an integer beyond 64 bits
            raise ValueError(str(error)) from error
        if not isinstance(parsed, simdjson.Array):
            raise ValueError("expected a list")
        self._text, self._parsed, self.shape = text, parsed, shape

    def array(self, dtype: np.dtype[Any]) -> Array | None:
        """Return the numbers as an array of that dtype.

        A float is the nearest one, ±Infinity beyond the dtype's range. None stands for a dtype that does not hold
        numbers, and for one of integers where a number is none or lies beyond its range.
        """
        if dtype.kind in "bO":
            return None
        integers = dtype.kind in "iu"
        of_type: Literal["d", "i", "u"] = "d" if not integers else "u" if dtype == np.uint64 else "i"
        try:
            numbers = np.frombuffer(self._parsed.as_buffer(of_type=of_type), _WIDE[of_type])
        except (TypeError, ValueError):  # a float among integers; an integer beyond 64 bits, or below 0
            return None
        if integers and (numbers.min() < np.iinfo(dtype).min or numbers.max() > np.iinfo(dtype).max):
            return None
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return numbers.astype(dtype, copy=False).reshape(self.shape)

    def as_list(self) -> list[Any]:
        """Return the lists and numbers as `json.loads` gives others."""
        value: list[Any] = orjson.loads(self._text)
        return value

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.as_list())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.as_list()[index]


_WIDE: Final = {"d": np.float64, "i": np.int64, "u": np.uint64}
"""By simdjson's name of the type."""


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value of a JSON text is a list, cut out or not."""
    return isinstance(value, list | NumberList)


def cut_out(body: bytes) -> tuple[bytes, list[NumberList]]:
    """Return the text with a mark in each long list's place, and the lists by the marks' numbers.

    The text is JSON if and only if `body` is, but for one thing: a mark may stand where an object's key belongs.
    """
    lists: list[NumberList] = []
    if len(body) < LARGE or b"\\" in body:
        return body, lists
    pieces: list[bytes] = []
    kept = start = 0
    for _ in range(_STRINGS):
        quote = body.find(b'"', start)
        stop = len(body) if quote < 0 else quote
        if stop - start >= LARGE and (found := _find(body, start, stop)):
            begin, end, numbers = found
            pieces += (body[kept:begin], b'"\\u0000%d"' % len(lists))
            lists.append(numbers)
            kept = end
        if quote < 0 or (closing := body.find(b'"', quote + 1)) < 0:
            break
        start = closing + 1
    return b"".join((*pieces, body[kept:])) if lists else body, lists


def _find(body: bytes, start: int, stop: int) -> tuple[int, int, NumberList] | None:
    """Find the first list in a stretch without strings: where it begins and ends, and what it holds."""
    begin = body.find(b"[", start, stop)
    if begin < 0:
        return None
    marks = body[begin:stop].translate(None, _NUMBERS_AND_SPACE)
    depth = len(marks) - len(marks.lstrip(b"["))
    if depth > RANK or (shape := _shape(marks, depth)) is None:
        return None
    behind = marks[marks.index(b"]" * depth) + depth :]
    if len(behind) > LARGE:
        return None
    end = stop
    for _ in range(behind.count(b"]") + 1):
        end = body.rindex(b"]", begin, end)
    text = memoryview(body)[begin : end + 1]
    if shape[-1] == 1 and b"[]" in bytes(text).translate(None, _SPACE):  # it has the marks of a list of one
        return None
    try:
        return begin, end + 1, NumberList(text, shape)
    except ValueError:
        return None


def _shape(marks: bytes, depth: int) -> tuple[int, ...] | None:
    """Return the shape of the nested lists whose brackets and commas these begin with; None where they have no one."""
    shape: tuple[int, ...] = ()
    one, end = b"", 0
    for level in range(1, depth + 1):  # from the innermost lists outwards, by the first list of each level
        end = marks.find(b"]" * level, end)
        if end < 0:
            return None
        inside = end + level - 1 - (depth - level + 1)
        width, over = divmod(inside + 1, len(one) + 1)
        if over:
            return None
        shape = (width, *shape)
        one = b"[" + b",".join([one] * width) + b"]"
    return shape if marks.startswith(one) else None
