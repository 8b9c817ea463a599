"""Base64 in every wrapping that clients use."""

from __future__ import annotations

import base64 as standard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.gateway.codecs.base64 import decode, encode
from modelport.gateway.errors import BadRequest

GOOD = {
    "plain": "+/8BAg==",
    "without padding": "+/8BAg",
    "URL-safe": "-_8BAg==",
    "both alphabets": "-/8BAg",
    "with line breaks": "+/8B\r\nAg==\n",
    "a data URL": "data:image/png;base64,+/8BAg==",
    "a data URL with parameters": "DATA:text/plain;charset=utf-8;BASE64,+/8BAg",
    "Python's literal": "b'+/8BAg=='",
    "Python's literal in double quotes": 'b"+/8BAg=="',
    "Python's literal of encodebytes": "b'+/8B\\nAg==\\n'",
}
BAD = ["a", "é", "data:foo,+/8BAg==", "data:;base64,+", "b'+/8BAg==", "=AAA", "AA=A", "AA*A", '{"b64"}']


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_reads(text: str) -> None:
    assert decode(text, "x") == b"\xfb\xff\x01\x02"


@pytest.mark.parametrize("text", BAD)
def test_refuses_with_the_path_and_not_the_data(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(text, "x.b64")
    assert str(caught.value) == f"x.b64: not valid base64 ({len(text)} characters)"


def test_nothing_is_no_bytes() -> None:
    assert decode("", "x") == b""


@given(st.binary())
def test_reads_what_writers_write(data: bytes) -> None:
    assert decode(encode(data), "x") == data
    assert decode(standard.encodebytes(data).decode(), "x") == data
    assert decode(standard.urlsafe_b64encode(data).decode().rstrip("="), "x") == data
    assert decode(str(standard.encodebytes(data)), "x") == data
