"""Arrays to JSON text: the shortest decimals of their own dtype, and every kind of memory layout."""

from __future__ import annotations

import numpy as np
import pytest

from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.codecs.strings import strings_to_json
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES, Array

GRID = np.arange(6, dtype=np.int32).reshape(2, 3)

TEXTS: dict[str, tuple[Array, bytes]] = {
    "FP32 has its own shortest decimals": (np.array([0.1, 1, 1e-7], np.float32), b"[0.1,1.0,1e-7]"),
    "FP16 too": (np.array([0.1, 65504, 6e-8], np.float16), b"[0.1,65500.0,6e-8]"),
    "BF16 too": (np.array([0.1, 3.14], DTYPES["BF16"]), b"[0.1,3.14]"),
    "a whole double has a point or an exponent": (np.array([1e22, 2, -0.0]), b"[1e+22,2.0,-0.0]"),
    "64-bit integers keep every digit": (np.array([2**64 - 1], np.uint64), b"[18446744073709551615]"),
    "bools": (np.array([[True], [False]]), b"[[true],[false]]"),
    "rank 0 is a bare value": (np.array(1.5, np.float32), b"1.5"),
    "rank 0 of a 16-bit float": (np.array(0.1, np.float16), b"0.1"),
    "a transposed array": (GRID.T, b"[[0,3],[1,4],[2,5]]"),
    "every other element": (GRID[:, ::2], b"[[0,2],[3,5]]"),
    "no elements": (np.zeros((2, 0), np.float32), b"[[],[]]"),
    "no rows": (np.zeros((0, 2), DTYPES["BF16"]), b"[]"),
}


@pytest.mark.parametrize(("array", "text"), TEXTS.values(), ids=TEXTS)
def test_writes(array: Array, text: bytes) -> None:
    assert array_to_json(array, constants=True) == text


@pytest.mark.parametrize("dtype", ["FP64", "FP32", "FP16", "BF16"])
def test_values_that_are_not_finite(dtype: str) -> None:
    array = np.array([[np.nan, 1], [-np.inf, np.inf]], DTYPES[dtype])
    assert array_to_json(array, constants=True) == b"[[NaN,1.0],[-Infinity,Infinity]]"
    assert array_to_json(array, constants=False) == b"[[null,1.0],[null,null]]"
    assert array_to_json(array[0, 0, ...], constants=True) == b"NaN"


def test_strings_are_text_or_base64() -> None:
    array = np.array([[b'a"\0'], ["ü".encode()]], np.object_)
    assert strings_to_json(array, "y", b64=False) == '[["a\\"\\u0000"], ["ü"]]'.encode()
    assert strings_to_json(array, "y", b64=True) == b'[[{"b64": "YSIA"}], [{"b64": "w7w="}]]'
    assert strings_to_json(array[0, 0, ...], "y", b64=True) == b'{"b64": "YSIA"}'


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"^y: the output holds bytes that are not UTF-8 text: use b64$"):
        strings_to_json(np.array([b"\xff"], np.object_), "y", b64=False, hint=": use b64")
