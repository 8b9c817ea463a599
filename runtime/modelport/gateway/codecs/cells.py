"""The cells of a column to an array of a Triton data type, and numbers back to cells.

A cell is text that somebody typed or a program wrote. White space around it means nothing, except in text. An empty
cell is a value that is missing: NaN where the dtype has one, empty text, and an error for an integer or a bool.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelport.gateway.codecs.words import quote
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES, Array

_BOOLS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}


def parse_cells(cells: Sequence[str], dtype: str, where: Callable[[int], str]) -> Array:
    """Return an array [rows] of a key of `tensors.DTYPES`.

    Floats overflow to ±Infinity and underflow to a signed zero; integers keep every digit.

    Raises:
        BadRequest: begins with `where` of the index of the first cell that is none.
    """
    kind = _kind_of(dtype)
    try:
        values = [kind.parse(cell) for cell in cells]
    except ValueError as error:
        index = next(index for index, cell in enumerate(cells) if not _is_one(cell, kind))
        got = quote(cells[index]) if cells[index].strip() else "an empty cell"
        raise BadRequest(f"{where(index)}: expected {kind.expected} ({dtype}), got {got}") from error
    array = np.empty(len(values), kind.dtype)
    array[:] = values
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return array.astype(DTYPES[dtype], copy=False)


def number_cells(array: Array) -> list[str]:
    """Write numbers [rows] as the shortest decimals of their own dtype; one that is not finite is an empty cell."""
    if array.dtype.kind != "f":
        return [str(value) for value in array.tolist()]
    return [text if finite else "" for text, finite in zip(array.astype(str), np.isfinite(array), strict=True)]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How cells become values of one kind of dtype."""

    expected: str
    parse: Callable[[str], Any]
    """Raises ValueError."""
    dtype: np.dtype[Any]
    """That holds what `parse` returns, before it is rounded to the dtype wanted."""


def _kind_of(dtype: str) -> _Kind:
    own = DTYPES[dtype]
    match own.kind:
        case "b":
            return _Kind("true or false", _parse_bool, own)
        case "O":
            return _Kind("text", str.encode, own)
        case "i" | "u":
            low, high = int(np.iinfo(own).min), int(np.iinfo(own).max)
            return _Kind(f"an integer from {low} to {high}", lambda cell: _parse_integer(cell, low, high), own)
        case _:
            return _Kind("a number", _parse_number, np.dtype(np.float64))


def _is_one(cell: str, kind: _Kind) -> bool:
    try:
        kind.parse(cell)
    except ValueError:
        return False
    return True


def _parse_bool(cell: str) -> bool:
    try:
        return _BOOLS[cell.strip().lower()]
    except KeyError as error:
        raise ValueError(cell) from error


def _parse_integer(cell: str, low: int, high: int) -> int:
    value = int(_plain(cell))
    if not low <= value <= high:
        raise ValueError(cell)
    return value


def _parse_number(cell: str) -> float:
    return float(_plain(cell)) if cell and not cell.isspace() else math.nan


def _plain(cell: str) -> str:
    """Refuse what Python alone takes for a number: 1_000."""
    if "_" in cell:
        raise ValueError(cell)
    return cell
