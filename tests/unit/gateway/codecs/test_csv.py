"""CSV as spreadsheets write it, and what is none."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.gateway.codecs.csv import parse_csv, write_csv
from modelport.gateway.errors import BadRequest

GOOD = {
    "lines that end in LF": (b"a,b\n1,2\n", [["1", "2"]]),
    "lines that end in CRLF": (b"a,b\r\n1,2\r\n", [["1", "2"]]),
    "lines that end in CR": (b"a,b\r1,2\r", [["1", "2"]]),
    "no line break at the end": (b"a,b\n1,2", [["1", "2"]]),
    "empty lines between": (b"\n\na,b\n\n1,2\n\n\n", [["1", "2"]]),
    "a byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", [["1", "2"]]),
    "a byte order mark before a quote": (b'\xef\xbb\xbf"a",b\n1,2\n', [["1", "2"]]),
    "quoted commas, quotes and line breaks": (b'a,b\n"1,5","say ""hi""\r\nyou"\n', [["1,5", 'say "hi"\r\nyou']]),
    "empty cells": (b'a,b\n,\n"",x\n', [["", ""], ["", "x"]]),
    "UTF-8": ("a,b\né,京\n".encode(), [["é", "京"]]),
    "CP932, whose second bytes may be ASCII": ("a,b\nソ,表\n".encode("cp932"), [["ソ", "表"]]),
    "a NUL in a cell": (b"a,b\n\0,2\n", [["\0", "2"]]),
}


@pytest.mark.parametrize(("data", "rows"), GOOD.values(), ids=GOOD)
def test_reads(data: bytes, rows: list[list[str]]) -> None:
    table = parse_csv(data, "data", cells=100)
    assert table.header == ("a", "b")
    assert table.rows == rows


BAD = {
    "nothing": (b"", "data: expected a header and one or more rows, got no line"),
    "empty lines": (b"\n\r\n", "data: expected a header and one or more rows, got no line"),
    "a header alone": (b"a,b\n", "data: expected a header and one or more rows, got a header"),
    "a row too short": (b"a,b\n1,2\n\n3\n", "data: line 4: expected 2 fields as in the header, got 1"),
    "a row too long": (b"a,b\n1,2,3\n", "data: line 2: expected 2 fields as in the header, got 3"),
    "a quote that never ends": (b'a,b\n"1,2\n', "data: line 2: not CSV: unexpected end of data"),
    "text behind a quote": (b'a,b\n"1"x,2\n', "data: line 2: not CSV: ',' expected after '\"'"),
    "a cell beyond every measure": (
        b"a\n" + b"x" * (csv.field_size_limit() + 1),
        "data: line 2: not CSV: field larger than field limit (131072)",
    ),
    "more cells than the limit": (b"a,b\n" + b"1,2\n" * 6, "data: more than 10 cells"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "data: expected UTF-8 text, got UTF-16; save the file as CSV UTF-8"),
    "a workbook": (b"PK\3\4\x81\n", "data: expected text in UTF-8 or CP932, got a zip file"),
}


@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_refuses(data: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_csv(data, "data", cells=10)
    assert str(caught.value) == message


def test_as_many_cells_as_the_limit_are_taken() -> None:
    assert len(parse_csv(b"a,b\n" + b"1,2\n" * 5, "data", cells=10).rows) == 5


def test_a_column_is_found_by_its_name() -> None:
    table = parse_csv(b"a,b,a\n1,2,3\n", "data", cells=10)
    assert table.column("b") == ["2"]
    assert table.column("c") is None
    with pytest.raises(BadRequest, match='data: the column "a" stands twice in the header'):
        table.column("a")


def test_a_row_knows_its_line() -> None:
    assert parse_csv(b'a\n\n"1\n2"\n3\n', "data", cells=10).lines == [4, 5]


def test_a_long_header_is_shown_in_part() -> None:
    table = parse_csv(",".join("abcdefghijkl").encode() + b"\n" + b"1," * 11 + b"1\n", "data", cells=100)
    assert table.show_header().endswith("'i', 'j' and 2 more")


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1)))
def test_what_is_written_is_read_back(rows: list[list[str]]) -> None:
    header = [f"column {place}" for place in range(len(rows[0]))]
    text = write_csv(header, list(zip(*rows, strict=True)))
    table = parse_csv(text, "data", cells=1000)
    assert (list(table.header), table.rows) == (header, rows)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_a_bad_request(data: bytes) -> None:
    try:
        table = parse_csv(data, "data", cells=20)
    except BadRequest:
        return
    assert {len(row) for row in table.rows} == {len(table.header)}


def test_lines_are_written_as_the_standard_has_them() -> None:
    assert write_csv(["a", "b"], [["1", ""], ["x,y", "é"]]) == 'a,b\r\n1,"x,y"\r\n,é\r\n'.encode()
