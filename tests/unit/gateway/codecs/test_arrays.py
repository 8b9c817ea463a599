"""Nested lists to arrays: exact in kind, range and shape, with the place of the first offender."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.json import loads
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES, Array

GOOD: dict[str, tuple[Any, str, tuple[int, ...], list[Any]]] = {
    "a bare value has rank 0": (5, "INT8", (), [5]),
    "an empty list has one dimension": ([], "FP32", (0,), []),
    "empty lists in a list have two": ([[], []], "BYTES", (2, 0), []),
    "an integer is fine for a float": ([1, 2.5], "FP64", (2,), [1.0, 2.5]),
    "integers beyond 64 bits are fine for a float": ([2**70, 2**63], "FP64", (2,), [2.0**70, 2.0**63]),
    "integers beyond every double are infinite": ([10**400, -(10**400)], "FP64", (2,), [math.inf, -math.inf]),
    "floats overflow to infinity": ([1e39, -1e39], "FP32", (2,), [math.inf, -math.inf]),
    "the smallest floats overflow too": ([1e5, 1e39], "FP16", (2,), [math.inf, math.inf]),
    "unsigned integers to their end": ([0, 2**64 - 1], "UINT64", (2,), [0, 2**64 - 1]),
    "signed integers to their end": ([-(2**63), 2**63 - 1], "INT64", (2,), [-(2**63), 2**63 - 1]),
    "bools for BOOL": ([[True], [False]], "BOOL", (2, 1), [True, False]),
    "strings and bytes beside each other": (["ü\0", {"b64": "/w"}], "BYTES", (2,), ["ü\0".encode(), b"\xff"]),
}

BAD: dict[str, tuple[Any, str, str]] = {
    "a bool among integers": ([1, True], "INT32", "x[1]: expected an integer (INT32), got true"),
    "a bool among floats": ([1.5, False], "FP32", "x[1]: expected a number (FP32), got false"),
    "an integer for a bool": ([0], "BOOL", "x[0]: expected true or false (BOOL), got the number 0"),
    "a whole float for an integer": ([1.0], "INT64", "x[0]: expected an integer (INT64), got the number 1.0"),
    "a string for a number": (["1"], "FP32", 'x[0]: expected a number (FP32), got the string "1"'),
    "null": ([None], "FP64", "x[0]: expected a number (FP64), got null"),
    "an object for a number": ({"b64": ""}, "FP64", "x: expected a number (FP64), got an object"),
    "a number for a string": ([1], "BYTES", 'x[0]: expected a string or {"b64": "<base64>"} (BYTES), got the number 1'),
    "too large": (
        [[1, 2], [3, 256]],
        "UINT8",
        "x[1][1]: expected an integer from 0 to 255 (UINT8), got the number 256",
    ),
    "negative for unsigned": ([-1], "UINT64", "x[0]: expected an integer from 0 to 18446744073709551615 (UINT64), got"),
    "ragged": ([[1, 2], [3]], "FP32", "x[1]: expected a list of 2 as in x[0], got a list of 1"),
    "ragged below": ([[[1], [2]], [[3], []]], "FP32", "x[1][1]: expected a list of 1 as in x[0][0], got a list of 0"),
    "a value among lists": ([[1], 2], "FP32", "x[1]: expected a list as in x[0], got the number 2"),
    "a list among values": ([1, [2]], "FP32", "x[1]: expected a single value as in x[0], got a list"),
    "bad base64": ([[{"b64": "a"}]], "BYTES", "x[0][0].b64: not valid base64 (1 characters)"),
    "an object that is no base64": (
        [{"b64": 1}],
        "BYTES",
        'x[0]: expected a string or {"b64": "<base64>"}, got another',
    ),
    "too many elements": ([[0] * 50] * 50, "INT8", "x: more than 1000 elements"),
    "more dimensions than a tensor has": (eval("[" * 33 + "]" * 33), "INT8", "x: lists inside one another, more than"),
}


@pytest.mark.parametrize(("value", "dtype", "shape", "flat"), GOOD.values(), ids=GOOD)
def test_reads(value: Any, dtype: str, shape: tuple[int, ...], flat: list[Any]) -> None:
    array = parse_array(value, dtype, "x", elements=1000)
    assert array.dtype == DTYPES[dtype]
    assert array.shape == shape
    assert array.reshape(-1).tolist() == flat


@pytest.mark.parametrize(("value", "dtype", "message"), BAD.values(), ids=BAD)
def test_refuses(value: Any, dtype: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_array(value, dtype, "x", elements=1000)
    assert str(caught.value).startswith(message)


def test_underflow_keeps_the_sign() -> None:
    array = parse_array([1e-300, -1e-300], "FP32", "x", elements=9)
    assert np.signbit(array).tolist() == [False, True]
    assert array.tolist() == [0, 0]


def test_a_gathered_member_is_named_behind_its_row() -> None:
    with pytest.raises(BadRequest, match=r"^instances\[1\]\.sensor\[0\]: expected a number"):
        parse_array([[1], [None]], "FP32", "instances", elements=9, key="sensor")


def bits(array: Array) -> Any:
    """All NaNs are one; everything else is what its bytes are."""
    if array.dtype == DTYPES["BYTES"] or array.dtype.kind in "biu":
        return array.tolist()
    return np.where(np.isnan(array), np.array(np.nan, array.dtype), array).astype(array.dtype).tobytes()


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in ("BYTES", "BF16")])
@given(data=st.data())
def test_every_number_reads_back_as_itself(dtype: str, data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(DTYPES[dtype], hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
    text = array_to_json(array, constants=True)
    read = parse_array(loads(text, constants=True), dtype, "x", elements=1000)
    cut = array.shape[: array.shape.index(0) + 1] if 0 in array.shape else array.shape  # what [[], []] can say
    assert read.shape == cut
    assert bits(read) == bits(array)


@pytest.mark.parametrize("dtype", ["FP16", "BF16"])
def test_every_16_bit_float_reads_back_as_itself(dtype: str) -> None:
    array = np.arange(0, 2**16, 3, np.uint16).view(DTYPES[dtype])
    with np.errstate(invalid="ignore"):
        array = array[np.isfinite(array)]
    read = parse_array(loads(array_to_json(array, constants=True), constants=True), dtype, "x", elements=2**16)
    assert read.tobytes() == array.tobytes()
