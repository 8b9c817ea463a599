"""Gaps in a program are filled, and nothing else changes."""

from __future__ import annotations

import pytest

from modelport.snippets.template import fill, plain


@pytest.mark.parametrize(
    ("template", "parts", "filled"),
    [
        pytest.param("a = «x»;", {"x": "1"}, "a = 1;", id="a gap inside a line"),
        pytest.param("a = «x»;", {"x": ""}, "a = ;", id="an empty part inside a line"),
        pytest.param("{\n\t«x»\n}\n", {"x": "a\nb"}, "{\n\ta\n\tb\n}\n", id="lines are indented as their gap"),
        pytest.param("  a = «x»\n", {"x": "[\n  1\n]"}, "  a = [\n    1\n  ]\n", id="lines are indented as their line"),
        pytest.param("{\n  «x»\n}\n", {"x": ""}, "{\n}\n", id="an empty part takes its line away"),
        pytest.param("«x»", {"x": "«y»", "y": "no"}, "«y»", id="a part is not looked through"),
        pytest.param(r"\1 {x} $x %x", {}, r"\1 {x} $x %x", id="other marks mean nothing"),
    ],
)
def test_parts_fill_gaps(template: str, parts: dict[str, str], filled: str) -> None:
    assert fill(template, **parts) == filled


def test_a_gap_without_a_part_is_a_bug() -> None:
    with pytest.raises(KeyError, match="x"):
        fill("«x»")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("half_plus-two.v1 (a)", "half_plus-two.v1 (a)", id="a name"),
        pytest.param("a\nb\r\u2028c", "a?b??c", id="line breaks"),
        pytest.param("*/ \\u000a", "?/ ?u000a", id="ends of comments in C and Java"),
    ],
)
def test_a_comment_cannot_be_ended(text: str, shown: str) -> None:
    assert plain(text) == shown
