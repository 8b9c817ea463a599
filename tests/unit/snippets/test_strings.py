"""A literal means the very text that it was made of: it is read back by rules of its language that are written here."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelport.snippets import strings

NASTY = "\"'`$(x)${y}#{z}#@a#$b\\u0041\\n%s??/???\n\r\t\0\x7f\xa0é日本😀\u2028\u202e\ufeff'''\"\"\"</script>*/ "
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\"'\\#{$@}?/u0041n\n\r\0é😀")
SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
BODY = re.compile(r'"(?:[^"\\\n\r]|\\.)*"')


def unquote(literal: str, escape: str, read: Callable[[re.Match[str]], str]) -> str:
    """Read a literal in double quotes, whose escapes are `escape` or one of the simple ones."""
    assert BODY.fullmatch(literal), "it ends at its own last quote and holds no line break"
    pattern = re.compile(rf'\\(?:{escape}|(?P<simple>[nrt"\\]))')

    def one(found: re.Match[str]) -> str:
        return SIMPLE[found["simple"]] if found["simple"] else read(found)

    rest = pattern.sub("", literal)
    assert "\\" not in rest, "there are no other escapes"
    return pattern.sub(one, literal[1:-1])


def code_point(found: re.Match[str]) -> str:
    return chr(int(found["hex"], 16))


def read_javascript(literal: str) -> str:
    return unquote(literal, r"u\{(?P<hex>[0-9a-f]+)\}", code_point)


def read_ruby(literal: str) -> str:
    assert not re.search(r"(?<!\\)#[{$@]", literal), "nothing is interpolated"
    return unquote(literal, r"(?:u\{(?P<hex>[0-9a-f]+)\}|#)", lambda found: code_point(found) if found["hex"] else "#")


def read_fixed(literal: str) -> str:
    """Read Go's and R's."""
    return unquote(literal, r"(?:u(?P<hex>[0-9a-f]{4})|U(?P<long>[0-9a-f]{8}))", read_either)


def read_either(found: re.Match[str]) -> str:
    return chr(int(found["hex"] or found["long"], 16))


def read_java(literal: str) -> str:
    """Translate Unicode escapes first, wherever an even number of backslashes is before one (JLS, 3.3)."""
    units = re.sub(r"(?<!\\)((?:\\\\)*)\\u([0-9a-f]{4})", lambda found: found[1] + chr(int(found[2], 16)), literal)
    return unquote(units.encode("utf-16", "surrogatepass").decode("utf-16"), "(?!)", code_point)


def read_c(literal: str) -> str:
    """Replace trigraphs first, as a compiler with them does."""
    assert not re.search(r"\?\?[=/'()!<>-]", literal), "there are no trigraphs"
    read = unquote(literal, r"(?:(?P<octal>[0-7]{3})|\?)", lambda found: chr(int(found["octal"] or "77", 8)))
    return read.encode("latin-1").decode()


READERS: Mapping[str, Callable[[str], str]] = {
    "json": json.loads,
    "json_ascii": json.loads,
    "python": ast.literal_eval,
    "javascript": read_javascript,
    "ruby": read_ruby,
    "go": read_fixed,
    "r": read_fixed,
    "java": read_java,
    "c": read_c,
    "shell": lambda literal: "".join(shlex.split(literal)),
}


@pytest.mark.parametrize("name", READERS)
@given(text=TEXTS)
@example(text=NASTY)
@example(text="")
def test_a_literal_is_read_back_as_the_text(name: str, text: str) -> None:
    literal = getattr(strings, name)(text)

    assert READERS[name](literal) == text


@pytest.mark.parametrize("name", ["json_ascii", "java", "r", "c"])
@given(text=TEXTS)
@example(text=NASTY)
def test_a_source_in_an_unknown_encoding_is_ascii_that_prints(name: str, text: str) -> None:
    literal = getattr(strings, name)(text)

    assert literal.isascii()
    assert literal.isprintable()


@pytest.mark.parametrize("name", ["json", "python", "javascript", "ruby", "go"])
def test_letters_stay_readable_where_sources_are_utf_8(name: str) -> None:
    assert getattr(strings, name)("Größe 大きさ") == '"Größe 大きさ"'
    assert getattr(strings, name)("\u2028\u202e").isascii()


@pytest.mark.parametrize("name", ["json", "json_ascii", "python", "javascript"])
def test_half_a_surrogate_pair_is_written(name: str) -> None:
    assert READERS[name](getattr(strings, name)("\ud83d")) == "\ud83d"
