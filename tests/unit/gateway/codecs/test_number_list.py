"""Long lists of numbers: the same arrays, bit by bit, and the same errors as by way of Python's objects.

A list is long here by white space alone, so that few numbers show all.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.json import loads
from modelport.gateway.codecs.number_list import LARGE, RANK, NumberList, cut_out, is_list
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES

LONG = " " * LARGE


def long(text: str) -> str:
    """Put white space behind the first bracket."""
    return text.replace("[", f"[{LONG}", 1)


def read(body: str, dtype: str, *, number_lists: bool) -> Any:
    """Return the type, shape and bytes of the array of the member `x`, or the error."""
    try:
        value = loads(body.encode(), constants=True, number_lists=number_lists)
        array = parse_array(value["x"] if isinstance(value, dict) else value, dtype, "x", elements=1000)
    except BadRequest as error:
        return str(error)
    return array.dtype, array.shape, array.tolist() if array.dtype.kind == "O" else array.tobytes()


def assert_same(body: str, dtype: str) -> None:
    assert read(body, dtype, number_lists=True) == read(body, dtype, number_lists=False)


CUT: dict[str, tuple[str, tuple[int, ...]]] = {
    "a flat list": ("[1,2,3]", (3,)),
    "one number": ("[1]", (1,)),
    "nested lists": ("[[1,2,3],[4,5,6]]", (2, 3)),
    "lists of one": ("[[1],[2]]", (2, 1)),
    "one list of one list": ("[[[1,2]]]", (1, 1, 2)),
    "white space everywhere": ("[ [ 1 ,\t2\n] , [ 3 , 4 ]\r\n]", (2, 2)),
    "every kind of number": ("[0, -0, -0.0, 1.5, 1e5, 1E-5, 9223372036854775807, 18446744073709551615]", (8,)),
}

LEFT: dict[str, str] = {
    "a list of none": "[]",
    "lists of none": "[[],[]]",
    "one of none beside one of one": "[[1],[]]",
    "unequal lists": "[[1,2],[3]]",
    "a number beside a list": "[1,[2]]",
    "a bool": "[1,true]",
    "null": "[null]",
    "a constant": "[NaN,1]",
    "an object": "[{}]",
    "an integer beyond 64 bits": "[18446744073709551616]",
    "a negative one beyond 64 bits": "[-9223372036854775809]",
    "a number that no double holds": "[1e400]",
    "a number in front of a bracket": "[[1,2],3[,4]]",
    "a number behind a bracket": "[[1,]2,[3,4]]",
    "a comma too many": "[1,]",
    "a leading zero": "[01]",
    "no end": "[[1,2],[3,4]",
    "more dimensions than a tensor has": "[" * (RANK + 1) + "1" + "]" * (RANK + 1),
}


@pytest.mark.parametrize(("text", "shape"), CUT.values(), ids=CUT)
@pytest.mark.parametrize(
    "body", ["{}", '{{"x": {}}}', '{{"a": "b", "x": {}, "c": [1, "d"]}}', '{{"x":{},"y":[[{{}}]]}}']
)
def test_cuts_out(text: str, shape: tuple[int, ...], body: str) -> None:
    whole = body.format(long(text))
    value = loads(whole.encode(), constants=True, number_lists=True)
    numbers = value["x"] if isinstance(value, dict) else value
    assert isinstance(numbers, NumberList)
    assert numbers.shape == shape
    assert numbers.as_list() == list(numbers) == json.loads(text)
    for dtype in DTYPES:
        assert_same(whole, dtype)


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_leaves_what_is_not_beyond_doubt(text: str) -> None:
    assert cut_out(long(text).encode()) == (long(text).encode(), [])
    for dtype in DTYPES:
        assert_same(f'{{"x": {long(text)}}}', dtype)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"x": [1,{LONG}2], "y": "\\u0000"}}',
        f'{{"x": [1,{LONG}2], "y": "\\u00000"}}',
        '{"x": [1,2]}',
        f'{LONG}{{"x": "[1,2]"}}',
    ],
    ids=["an escape", "a mark from outside", "a short list", "a list in a string"],
)
def test_has_nothing_to_cut_out(body: str) -> None:
    assert cut_out(body.encode()) == (body.encode(), [])
    assert loads(body.encode(), constants=False, number_lists=True) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        "{{{}: 1}}",
        '{{"x" {}}}',
        '"x" {}',
        "-{}",
        "{} 1",
        "{}{}",
        '{{"x": {}, "x": 1}}',
        '{{"x": {}, "y": [1, "]}}',
        '{{"x": NaN, "y": {}}}',
        '{{"x": {}, "y": 1e400}}',
        "[" * 64 + "{}" + "]" * 64,
        "[" * 63 + '"",{}' + "]" * 63,
        "[" * 62 + '"",{}' + "]" * 62,
    ],
)
def test_the_text_around_is_as_good_or_bad_as_before(body: str) -> None:
    assert_same(body.format(long("[[1,2]]"), "[3]"), "FP32")


def test_lists_of_one_shape_are_the_rows_of_one_array() -> None:
    rows = [f'{{"v": {long(json.dumps([[n, 2], [3, 4]]))}}}' for n in range(5)]
    value = [row["v"] for row in loads(f"[{','.join(rows)}]".encode(), constants=False, number_lists=True)]
    assert {*map(type, value)} == {NumberList}
    array = parse_array(value, "INT16", "x", elements=20)
    assert array.dtype == np.int16
    assert array.tolist() == [[[n, 2], [3, 4]] for n in range(5)]
    with pytest.raises(BadRequest, match=r"^x: more than 19 elements$"):
        parse_array(value, "INT16", "x", elements=19)


ROWS: dict[str, tuple[list[str], str, str]] = {
    "of another length": (["[1,2]", "[3]"], "FP32", "x[1].v: expected a list of 2 as in x[0].v, got a list of 1"),
    "a value among lists": (["[1,2]", "3"], "FP32", "x[1].v: expected a list as in x[0].v, got the number 3"),
    "a float among integers": (
        ["[1,2]", "[3,4.5]"],
        "INT8",
        "x[1].v[1]: expected an integer (INT8), got the number 4.5",
    ),
    "out of range": (["[1,2]", "[3,400]"], "INT8", "x[1].v[1]: expected an integer from -128 to 127 (INT8), got the"),
    "numbers for bools": (["[1,2]", "[3,4]"], "BOOL", "x[0].v[0]: expected true or false (BOOL), got the number 1"),
}


@pytest.mark.parametrize(("rows", "dtype", "message"), ROWS.values(), ids=ROWS)
def test_a_row_that_does_not_fit_is_named(rows: list[str], dtype: str, message: str) -> None:
    body = ",".join(f'{{"v": {long(row)}}}' for row in rows)
    value = [row["v"] for row in loads(f"[{body}]".encode(), constants=False, number_lists=True)]
    assert isinstance(value[0], NumberList)
    with pytest.raises(BadRequest) as caught:
        parse_array(value, dtype, "x", elements=100, key="v")
    assert str(caught.value).startswith(message)


def test_it_is_a_sequence_as_other_lists_are() -> None:
    numbers = loads(long("[[1,2],[3,4.5]]").encode(), constants=False, number_lists=True)
    assert isinstance(numbers, NumberList)
    assert is_list(numbers)
    assert is_list([])
    assert not is_list("[]")
    assert len(numbers) == 2
    assert numbers[1] == [3, 4.5]
    assert numbers[:1] == [[1, 2]]
    assert [3, 4.5] in numbers


TOKENS = [
    "0",
    "-0",
    "1",
    "255",
    "256",
    "-1",
    "-129",
    "65504",
    "1.5",
    "1.0",
    "1e5",
    "-0.0",
    "0.1",
    "16777217",
    "3.4028236e38",
]
TOKENS += ["9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e-400", "1e39"]
ODD = [
    "18446744073709551616",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "01",
    "1.",
    "+1",
    "true",
    "null",
    '"a"',
    "[]",
    "{}",
    "",
]


@st.composite
def lists(draw: st.DrawFn) -> str:
    """Nested lists, most of them of one shape and of numbers alone."""
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    token = st.sampled_from(TOKENS) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    if draw(st.integers(0, 3)) == 0:
        token |= st.sampled_from(ODD)
    space = st.sampled_from(["", " ", "\n\t"])

    def write(sizes: list[int]) -> str:
        if not sizes:
            return draw(space) + draw(token) + draw(space)
        return "[" + ",".join(write(sizes[1:]) for _ in range(sizes[0])) + "]"

    text = write(shape)
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", *'[],.-e0 "{}\\'])) + text[at + draw(st.integers(0, 1)) :]
    return text


@given(lists(), st.sampled_from(list(DTYPES)))
@example("[[1,2]5,[3,4]]", "FP32")
@example("[[1],[]]", "FP32")
@example("[-0]", "FP32")
def test_fast_and_slow_agree(text: str, dtype: str) -> None:
    assert_same(f'{{"x": {long(text)}, "y": [1, "z"]}}', dtype)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in ("BOOL", "BYTES", "BF16")])
@given(data=st.data())
def test_every_number_reads_back_as_itself(dtype: str, data: st.DataObject) -> None:
    elements = st.floats(width=np.dtype(DTYPES[dtype]).itemsize * 8, allow_nan=False, allow_infinity=False)
    shapes = hnp.array_shapes(max_dims=4, max_side=4)
    array = data.draw(hnp.arrays(DTYPES[dtype], shapes, elements=elements if dtype.startswith("FP") else None))
    body = long(array_to_json(array, constants=False).decode()).encode()
    value = loads(body, constants=False, number_lists=True)
    assert isinstance(value, NumberList)
    again = parse_array(value, dtype, "x", elements=1000)
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())
