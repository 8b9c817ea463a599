"""Nested JSON lists to numpy arrays, exactly: no guessed dtype, no bool taken for a number, no ragged list.

A `NumberList` makes its array by itself. Other lists are flattened level by level with functions that run in C
(`chain`, `map`, `set`), and what a level consists of is known from its set of types and lengths. Where something is
wrong the offender's place in the flat level gives its path.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from modelport.gateway.codecs import base64
from modelport.gateway.codecs.number_list import RANK, NumberList
from modelport.gateway.codecs.words import describe, item, member
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES, Array

B64 = "b64"
"""The one key of the object that stands for bytes: `{"b64": "aGk="}`."""


def parse_array(value: Any, dtype: str, path: str, *, elements: int, key: str | None = None) -> Array:
    """Turn nested lists, or a single value, into an array of a Triton data type.

    The rank is what the nesting says: a bare value has rank 0. An integer is fine for a float; floats overflow to
    ±Infinity and underflow to a signed zero. Integers, bools and strings are taken for their own kind alone;
    `{"b64": …}` stands for bytes where a string may stand.

    Args:
        value: as `codecs.json.loads` gives it.
        dtype: a key of `tensors.DTYPES`.
        path: of `value` in the request, for messages.
        elements: the most elements that the array may have.
        key: where `value` was gathered from a list of objects at `path`, the member that each of them gave; messages
            then say `instances[3].sensor[1]`.

    Raises:
        BadRequest: with the path of the first offender.
    """
    array = _read_at_once(value, DTYPES[dtype], elements)
    if array is not None:
        return array
    leaves = _flatten(value, _Place(path, key), elements)
    rule = _RULES.get(DTYPES[dtype].kind, _FLOAT)
    if not leaves.kinds <= rule.kinds:
        index = next(i for i, leaf in enumerate(leaves.values) if type(leaf) not in rule.kinds)
        raise BadRequest(
            f"{leaves.path_at(index)}: expected {rule.expected} ({dtype}), got {describe(leaves.values[index])}"
        )
    return rule.build(leaves, dtype).reshape(leaves.shape)


def _read_at_once(value: Any, dtype: np.dtype[Any], elements: int) -> Array | None:
    """Read a `NumberList`, or a list of such of one shape; None for all else, and for what is to be refused."""
    if isinstance(value, NumberList):
        return value.array(dtype) if math.prod(value.shape) <= elements else None
    if not (isinstance(value, list) and value and set(map(type, value)) == {NumberList}):
        return None
    shape = (len(value), *value[0].shape)
    if any(each.shape != shape[1:] for each in value) or len(shape) > RANK or math.prod(shape) > elements:
        return None
    array = np.empty(shape, dtype)
    for row, each in enumerate(value):
        numbers = each.array(dtype)
        if numbers is None:
            return None
        array[row] = numbers
    return array


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the request the nested lists come from."""

    path: str
    key: str | None

    def at(self, shape: tuple[int, ...], index: int) -> str:
        """Return the path of an element by its place, in C order, in the levels of that shape."""
        if not shape:
            return self.path
        first, *rest = map(int, np.unravel_index(index, shape))
        path = item(self.path, first)
        return item(path if self.key is None else member(path, self.key), *rest)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """What nested lists hold."""

    values: list[Any]
    """In C order."""
    kinds: set[type]
    """The types of the values."""
    shape: tuple[int, ...]
    place: _Place

    def path_at(self, index: int) -> str:
        return self.place.at(self.shape, index)


def _flatten(value: Any, place: _Place, elements: int) -> _Leaves:
    """Undo the nesting, which must be regular."""
    level: list[Any] = [value]
    shape: tuple[int, ...] = ()
    while True:
        if NumberList in (kinds := set(map(type, level))):
            level = [each.as_list() if isinstance(each, NumberList) else each for each in level]
            kinds = set(map(type, level))
        if list not in kinds:
            return _Leaves(level, kinds, shape, place)
        if len(kinds) > 1:
            raise _mixed(level, place, shape)
        if len(set(map(len, level))) > 1:
            raise _ragged(level, place, shape)
        if len(shape) == RANK:
            raise BadRequest(f"{place.path}: lists inside one another, more than a tensor's {RANK} dimensions")
        width = len(level[0])
        shape = (*shape, width)
        if width * len(level) > elements:
            raise BadRequest(f"{place.path}: more than {elements} elements")
        level = level[0] if len(level) == 1 else list(chain.from_iterable(level))


def _mixed(level: list[Any], place: _Place, shape: tuple[int, ...]) -> BadRequest:
    want_list = isinstance(level[0], list)
    index = next(i for i, value in enumerate(level) if isinstance(value, list) is not want_list)
    expected = "a list" if want_list else "a single value"
    return BadRequest(
        f"{place.at(shape, index)}: expected {expected} as in {place.at(shape, 0)}, got {describe(level[index])}"
    )


def _ragged(level: list[list[Any]], place: _Place, shape: tuple[int, ...]) -> BadRequest:
    width = len(level[0])
    index = next(i for i, value in enumerate(level) if len(value) != width)
    return BadRequest(
        f"{place.at(shape, index)}: expected a list of {width} as in {place.at(shape, 0)}, "
        f"got a list of {len(level[index])}"
    )


def _build_bool(leaves: _Leaves, dtype: str) -> Array:
    return np.array(leaves.values, DTYPES[dtype])


def _build_integer(leaves: _Leaves, dtype: str) -> Array:
    try:
        return np.array(leaves.values, DTYPES[dtype])
    except OverflowError as error:
        low, high = int(np.iinfo(DTYPES[dtype]).min), int(np.iinfo(DTYPES[dtype]).max)
        index, value = next((i, leaf) for i, leaf in enumerate(leaves.values) if not low <= leaf <= high)
        raise BadRequest(
            f"{leaves.path_at(index)}: expected an integer from {low} to {high} ({dtype}), got {describe(value)}"
        ) from error


def _build_float(leaves: _Leaves, dtype: str) -> Array:
    try:
        doubles = np.array(leaves.values, np.float64)
    except OverflowError:  # by an integer; a float of JSON is one that a double holds
        doubles = np.array([_double(leaf) for leaf in leaves.values], np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return doubles.astype(DTYPES[dtype], copy=False)


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _build_bytes(leaves: _Leaves, dtype: str) -> Array:
    array = np.empty(len(leaves.values), DTYPES[dtype])
    array[:] = [
        leaf.encode() if type(leaf) is str else _parse_b64(leaf, leaves, index)
        for index, leaf in enumerate(leaves.values)
    ]
    return array


def _parse_b64(value: dict[str, Any], leaves: _Leaves, index: int) -> bytes:
    text = value.get(B64)
    if len(value) != 1 or not isinstance(text, str):
        raise BadRequest(f'{leaves.path_at(index)}: expected a string or {{"{B64}": "<base64>"}}, got another object')
    try:
        return base64.decode_plain(text)
    except ValueError:  # unwrap it, or name it
        return base64.decode(text, member(leaves.path_at(index), B64))


@dataclass(frozen=True, slots=True)
class _Rule:
    """How the leaves become an array of one kind of dtype."""

    kinds: frozenset[type]
    """The types that JSON values may have; exactly these, a bool is not an int."""
    expected: str
    build: Callable[[_Leaves, str], Array]


_INTEGER = _Rule(frozenset({int}), "an integer", _build_integer)
_FLOAT = _Rule(frozenset({int, float}), "a number", _build_float)
_RULES: Mapping[str, _Rule] = {
    "b": _Rule(frozenset({bool}), "true or false", _build_bool),
    "i": _INTEGER,
    "u": _INTEGER,
    "O": _Rule(frozenset({str, dict}), f'a string or {{"{B64}": "<base64>"}}', _build_bytes),
}
"""By numpy's kind of the dtype; the floats, of which bfloat16 has a kind of its own, are the rest."""
