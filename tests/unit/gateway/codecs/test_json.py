"""Reading JSON: strict, exact, and never slow for long."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelport.gateway.codecs.json import dumps, loads
from modelport.gateway.errors import BadRequest

DEEP = 500_000

GOOD: dict[str, tuple[bytes, Any]] = {
    "a byte order mark is passed over": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "64-bit integers keep every digit": (b"[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
    "constants are numbers": (b"[Infinity, -Infinity]", [math.inf, -math.inf]),
    "a quoted constant is a string": (b'["NaN", Infinity, "-Infinity\\""]', ["NaN", math.inf, '-Infinity"']),
    "an escaped colon is no doubled key": (b'{"a": "\\u003a"}', {"a": ":"}),
    "colons in strings are no doubled keys": (b'{"a": "data:x", "b:": ["c:d"]}', {"a": "data:x", "b:": ["c:d"]}),
    "the same key in two objects is none": (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    "brackets in strings are no nesting": (b'"' + b"[" * 100 + b'"', "[" * 100),
    "nesting up to the limit": (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
    "many lists side by side are not deep": (b"[" + b"[],{}," * 100 + b"1]", [*([[], {}] * 100), 1]),
    "a tiny number is zero": (b"[1e-400]", [0.0]),
}

BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "the body is empty, expected JSON"),
    "only spaces": (b" \r\n\t", "the body is empty, expected JSON"),
    "broken off": (b'{"a": [1', "the body is not JSON: unexpected end of data (line 1, column 9)"),
    "an error on another line": (
        b'{\n"a": x}',
        "the body is not JSON: unexpected character, expected a JSON value (line 2, column 6)",
    ),
    "invalid UTF-8": (b'["\xff"]', "the body is not JSON: str is not valid UTF-8: surrogates not allowed"),
    "a lone surrogate": (b'["\\ud800"]', "the body is not JSON: no low surrogate in string (line 1, column 3)"),
    "a lone surrogate beside a constant": (b'[NaN, "\\ud800"]', "the body is not JSON: no low surrogate in string"),
    "a number that no double holds": (b"[1e400]", "the body is not JSON: number is infinity when parsed as double"),
    "such a number beside a constant": (b"[NaN, 1e400]", "the body is not JSON: number is infinity"),
    "a constant in lower case": (b"[nan]", "the body is not JSON: "),
    "a signed NaN": (b"[-NaN]", "the body is not JSON: "),
    "a constant glued to a number": (b"[1Infinity]", "the body is not JSON: "),
    "a constant that goes on": (b"[NaNa]", "the body is not JSON: "),
    "a constant as a key": (b"{NaN: 1}", "the body is not JSON: "),
    "a comma too many": (b"[1,]", "the body is not JSON: trailing comma is not allowed"),
    "open brackets without end": (b"[" * DEEP, "the body is not JSON: depth limit exceeded"),
    "closed brackets without end": (b"[" * DEEP + b"]" * DEEP, "the body is not JSON: depth limit exceeded"),
    "deep objects beside a constant": (b'[NaN,{"a":' * DEEP, "the body is not JSON: "),
    "one level too deep": (b"[" * 65 + b"]" * 65, "the body is nested deeper than 64 lists and objects"),
    "too deep past a string with brackets": (
        b'[["]]]]\\"",' + b"[" * 64 + b"]" * 66,
        "the body is nested deeper than 64 lists and objects",
    ),
    "quotes without end": (b'"' + b'\\"' * DEEP, "the body is not JSON: unexpected end of data"),
    "a doubled key": (b'{"a": 1, "b": 2, "a": 3}', "a: the key stands twice in one object"),
    "a doubled key deep inside": (
        b'{"x": [0, {"y:": {"odd key": 1, "odd key": 2}}]}',
        'x[1].y:["odd key"]: the key stands twice in one object',
    ),
    "a doubled key whose colon an escape hides": (b'{"a": 1, "a": "\\u003a"}', "a: the key stands twice in one object"),
    "a doubled key beside a constant": (b'{"a": NaN, "a": 1}', "a: the key stands twice in one object"),
    "doubled keys that are equal": (b'[{"": [], "": []}]', '[0][""]: the key stands twice in one object'),
}


@pytest.mark.parametrize(("body", "value"), GOOD.values(), ids=GOOD)
def test_reads(body: bytes, value: Any) -> None:
    assert loads(body, constants=True) == value


@pytest.mark.parametrize(("body", "message"), BAD.values(), ids=BAD)
def test_refuses(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        loads(body, constants=True)
    assert str(caught.value).startswith(message)


def test_nan_is_a_number_where_constants_are_wanted() -> None:
    assert math.isnan(loads(b"NaN", constants=True))


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b'{"a": -Infinity}'])
def test_constants_are_refused_where_they_are_not_wanted(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"(NaN|Infinity) is not a number in JSON"):
        loads(body, constants=False)


def test_depth_is_the_callers() -> None:
    assert loads(b'{"a": [[1]]}', constants=False, depth=3) == {"a": [[1]]}
    with pytest.raises(BadRequest, match="deeper than 2"):
        loads(b'{"a": [[1]]}', constants=False, depth=2)


def test_writes_without_spaces_and_takes_ready_pieces() -> None:
    assert dumps({"a": [1, "ü"], "b": orjson.Fragment(b"[NaN]")}) == '{"a":[1,"ü"],"b":[NaN]}'.encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_reads_what_pythons_own_writer_writes(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode(), constants=True) == value


@given(st.binary() | st.text(alphabet='{}[]",:\\u003a8dNaInfity-0123456789.eE \n').map(str.encode))
@example(b"[--Infinity]")
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = loads(body, constants=True)
    except BadRequest:
        return
    assert json.dumps(value) == json.dumps(json.loads(body.removeprefix(b"\xef\xbb\xbf"), parse_int=_as_orjson))


def _as_orjson(digits: str) -> int | float:
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)
