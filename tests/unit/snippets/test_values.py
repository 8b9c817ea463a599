"""Values are written exactly, on lines that are easy to read."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.snippets.call import FILE
from modelport.snippets.languages import javascript, python, r, ruby
from modelport.snippets.values import INDENT, JSON, JSON_ASCII, WIDTH, Notation, json_parts, write

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(value=VALUES)
def test_python_reads_its_own_values(value: Any) -> None:
    assert ast.literal_eval(write(value, python.NOTATION)) == value


@pytest.mark.parametrize("notation", [JSON, JSON_ASCII], ids=["as text", "in ASCII"])
@given(value=VALUES)
def test_json_is_read_back(notation: Notation, value: Any) -> None:
    (lines,) = json_parts(value, notation)
    (line,) = json_parts(value, notation, lines=False)

    assert json.loads(lines) == value
    assert json.loads(line) == value
    assert "\n" not in line


@given(before=VALUES, after=VALUES)
def test_json_is_cut_where_the_file_goes(before: Any, after: Any) -> None:
    parts = json_parts([before, {"data": FILE}, after])

    assert json.loads("AA==".join(parts)) == [before, {"data": "AA=="}, after]


VALUE = {"a": [1, 2.5, True, False, None], "__proto__": "#{x}", "": {}, "file": FILE}


@pytest.mark.parametrize(
    ("notation", "written"),
    [
        pytest.param(
            javascript.NOTATION,
            '{"a": [1, 2.5, true, false, null], ["__proto__"]: "#{x}", "": {}, "file": encoded}',
            id="javascript",
        ),
        pytest.param(
            ruby.NOTATION,
            '{"a" => [1, 2.5, true, false, nil], "__proto__" => "\\#{x}", "" => {}, "file" => encoded}',
            id="ruby",
        ),
        pytest.param(
            r.NOTATION,
            'list("a" = list(1L, 2.5, TRUE, FALSE, NULL), "__proto__" = "#{x}", '
            '"" = structure(list(), names = character()), "file" = encoded)',
            id="r",
        ),
    ],
)
def test_each_language_has_its_own_words(notation: Notation, written: str) -> None:
    assert write(VALUE, notation, width=200) == written


def test_numbers_fill_lines_and_members_have_one_each() -> None:
    value = {"shape": [3, 40], "data": [[1.5] * 40] * 3, "names": ["one", "two"]}
    line = INDENT * 3 + "1.5, " * 13 + "1.5,"

    written = write(value, JSON)

    assert written.startswith('{\n  "shape": [3, 40],\n  "data": [\n    [\n' + f"{line}\n{line}\n")
    assert written.endswith('],\n  "names": ["one", "two"]\n}')
    assert json.loads(written) == value


@given(numbers=st.lists(st.lists(st.integers(-999, 999), min_size=1)))
def test_no_line_of_numbers_is_long(numbers: list[list[int]]) -> None:
    assert max(map(len, write(numbers, JSON).splitlines())) <= WIDTH
