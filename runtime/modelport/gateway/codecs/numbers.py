"""Numpy arrays to JSON text: every number reads back as the same value of its own dtype.

Floats are the shortest such decimal, with a point or an exponent, so that a reader sees a float. 64-bit integers keep
every digit.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import orjson

from modelport.gateway.tensors import DTYPES, Array

_HALVES = {DTYPES["FP16"], DTYPES["BF16"]}
"""Floats that orjson writes with too many digits, or not at all."""


def array_to_json(array: Array, *, constants: bool) -> bytes:
    """Write an array of numbers or bools as nested JSON lists, without white space; rank 0 as a bare value.

    Args:
        array: of any `tensors.DTYPES` but BYTES.
        constants: write `NaN`, `Infinity` and `-Infinity`; else `null` stands for each of them.
    """
    if array.dtype in _HALVES:
        array = _to_doubles(array)
    # orjson knows neither rank 0 nor strides; its null marks a value that is not finite.
    text = orjson.dumps(np.asarray(array, order="C") if array.ndim else array[()], option=orjson.OPT_SERIALIZE_NUMPY)
    if constants and array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        return _name_constants(text, array[~finite])
    return text


def _name_constants(text: bytes, values: Array) -> bytes:
    """Put the values, in their order, into the places of the text's nulls."""
    first, *rest = text.split(b"null")
    pieces = [first]
    for value, piece in zip(values.tolist(), rest, strict=True):
        pieces += (_CONSTANTS[str(value)], piece)
    return b"".join(pieces)


_CONSTANTS = {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}


def _to_doubles(array: Array) -> Array:
    """Return the doubles whose shortest decimals are the shortest for the array's own 16-bit values."""
    bits, places = np.unique(array.view(np.uint16), return_inverse=True)
    kind = np.dtype(array.dtype).name
    doubles = np.array([_shortest(kind, bit) for bit in bits.tolist()], np.float64)
    return doubles[places].reshape(array.shape)


@cache
def _shortest(kind: str, bits: int) -> float:
    """Return the double nearest to the shortest decimal that reads back as the 16-bit float with these bits."""
    dtype = np.dtype(kind)
    value = np.uint16(bits).view(dtype)
    exact = float(value)
    if not np.isfinite(exact):
        return exact
    with np.errstate(over="ignore"):
        candidates = (float(f"{exact:.{digits}e}") for digits in range(17))
        return next(short for short in candidates if np.float64(short).astype(dtype) == value)
