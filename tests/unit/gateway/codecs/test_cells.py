"""Cells to arrays of each kind of dtype, and numbers to cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.gateway.codecs.cells import number_cells, parse_cells
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES

GOOD: dict[str, tuple[str, list[str], list[Any]]] = {
    "numbers": ("FP32", ["1", "-2.5", "1e3", " .5 ", "+7"], [1, -2.5, 1000, 0.5, 7]),
    "numbers of full width": ("FP64", ["１２"], [12]),
    "numbers beyond the dtype": ("FP16", ["1e6", "-1e6", "1e-30"], [math.inf, -math.inf, 0]),
    "infinity by its name": ("FP64", ["inf", "-Infinity"], [math.inf, -math.inf]),
    "bfloat16": ("BF16", ["0.5"], [0.5]),
    "integers": ("INT8", ["-128", " 127"], [-128, 127]),
    "integers that no double holds": ("UINT64", ["18446744073709551615"], [2**64 - 1]),
    "bools in any case": ("BOOL", ["true", "FALSE", "1", "0", " True"], [True, False, True, False, True]),
    "text as it stands": ("BYTES", ["", " a ", "é"], [b"", b" a ", "é".encode()]),
}


@pytest.mark.parametrize(("dtype", "cells", "values"), GOOD.values(), ids=GOOD)
def test_reads(dtype: str, cells: list[str], values: list[Any]) -> None:
    array = parse_cells(cells, dtype, str)
    assert array.dtype == DTYPES[dtype]
    assert array.tolist() == values


@pytest.mark.parametrize("dtype", ["FP16", "BF16", "FP32", "FP64"])
def test_an_empty_number_and_nan_are_nan(dtype: str) -> None:
    assert np.isnan(parse_cells(["", "  ", "NaN"], dtype, str)).all()


BAD = {
    "a word": ("FP32", "far", 'expected a number (FP32), got "far"'),
    "a number in Python's own writing": ("FP32", "1_000", 'expected a number (FP32), got "1_000"'),
    "a number with thousands apart": ("FP64", "1,000", 'expected a number (FP64), got "1,000"'),
    "an integer with a point": ("INT8", "1.0", 'expected an integer from -128 to 127 (INT8), got "1.0"'),
    "an integer in Python's own writing": ("UINT8", "1_0", 'expected an integer from 0 to 255 (UINT8), got "1_0"'),
    "an integer beyond its type": ("UINT8", "256", 'expected an integer from 0 to 255 (UINT8), got "256"'),
    "an integer beyond every type": ("UINT8", "9" * 5000, f'from 0 to 255 (UINT8), got "{"9" * 60}…"'),
    "an empty integer": ("INT8", "", "expected an integer from -128 to 127 (INT8), got an empty cell"),
    "a bool of another word": ("BOOL", "yes", 'expected true or false (BOOL), got "yes"'),
    "an empty bool": ("BOOL", " ", "expected true or false (BOOL), got an empty cell"),
}


@pytest.mark.parametrize(("dtype", "cell", "message"), BAD.values(), ids=BAD)
def test_refuses_and_says_where(dtype: str, cell: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_cells(["1", cell, "0", cell], dtype, lambda index: f"row {index}")
    assert str(caught.value).startswith("row 1: ")
    assert str(caught.value).endswith(message)


@given(st.sampled_from(sorted(DTYPES)), st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
def test_any_text_is_a_value_or_a_bad_request(dtype: str, cell: str) -> None:
    try:
        array = parse_cells([cell], dtype, str)
    except BadRequest:
        return
    assert (array.shape, array.dtype) == ((1,), DTYPES[dtype])


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        (np.array([0.1, 1 / 3, 1e-7, 2], np.float32), ["0.1", "0.33333334", "1e-07", "2.0"]),
        (np.array([0.1, 1 / 3]), ["0.1", "0.3333333333333333"]),
        (np.array([np.nan, np.inf, -np.inf]), ["", "", ""]),
        (np.array([2**63 - 1, -1]), ["9223372036854775807", "-1"]),
        (np.array([]), []),
    ],
    ids=["float32", "float64", "not finite", "integers", "none"],
)
def test_numbers_are_written_short_and_exactly(values: np.ndarray[Any, Any], cells: list[str]) -> None:
    assert number_cells(values) == cells
