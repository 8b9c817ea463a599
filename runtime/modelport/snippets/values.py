"""JSON's values as literals of a language, on one line where they fit and else in short ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from modelport.snippets import strings
from modelport.snippets.call import FILE

WIDTH = 80
"""Characters of a line, its indentation aside."""
INDENT = "  "


@dataclass(frozen=True, slots=True)
class Notation:
    """How a language writes values."""

    text: Callable[[str], str]
    file: str
    """What stands for the file's content, such as a variable's name."""
    list: tuple[str, str] = ("[", "]")
    object: tuple[str, str] = ("{", "}")
    pair: str = ": "
    """Between a name and its value."""
    true: str = "true"
    false: str = "false"
    null: str = "null"
    integer: Callable[[int], str] = str
    name: Callable[[str], str] | None = None
    """Writes a member's name, where that is not `text`."""
    empty_object: str = "{}"


def write(value: Any, notation: Notation, width: int = WIDTH) -> str:
    """Write a value; only between its parts are there line breaks and spaces that could be others."""
    line = _line(value, notation)
    if len(line) <= width or not isinstance(value, list | dict) or not value:
        return line
    room = width - len(INDENT) - len(",")
    parts = [*_parts(value, notation, lambda part: write(part, notation, room))]
    opening, closing = notation.list if isinstance(value, list) else notation.object
    lines = _fill(parts, width - len(INDENT) if isinstance(value, list) else 0)
    inner = "\n".join(lines).replace("\n", f"\n{INDENT}")
    return f"{opening}\n{INDENT}{inner}\n{closing}"


def scalars(value: Any) -> Iterator[Any]:
    """Yield all texts, numbers, truth values and nulls inside a value, names of members too."""
    if isinstance(value, dict):
        yield from value
        value = value.values()
    elif not isinstance(value, list):
        yield value
        return
    yield from chain.from_iterable(map(scalars, value))


def _line(value: Any, notation: Notation) -> str:
    match value:
        case str():
            return notation.text(value)
        case True:
            return notation.true
        case False:
            return notation.false
        case None:
            return notation.null
        case int():
            return notation.integer(value)
        case float():
            return repr(value)
        case {} if not value:
            return notation.empty_object
        case list() | dict():
            opening, closing = notation.list if isinstance(value, list) else notation.object
            return opening + ", ".join(_parts(value, notation, lambda part: _line(part, notation))) + closing
        case _ if value is FILE:
            return notation.file
    raise TypeError(f"{type(value).__name__} is no value of JSON")


def _parts(value: list[Any] | dict[str, Any], notation: Notation, one: Callable[[Any], str]) -> Iterator[str]:
    if isinstance(value, list):
        return map(one, value)
    name = notation.name or notation.text
    return (f"{name(key)}{notation.pair}{one(part)}" for key, part in value.items())


def _fill(parts: Sequence[str], width: int) -> Sequence[str]:
    """Put commas between parts, and as many short parts on a line as it takes."""
    lines: list[str] = []
    broken = True
    for part in (*(f"{part}," for part in parts[:-1]), parts[-1]):
        whole = "\n" not in part
        if whole and not broken and len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
        broken = not whole
    return lines


_MARK = "\0"
"""In a JSON text where the file goes: no JSON text has a NUL."""
JSON = Notation(strings.json, file=f'"{_MARK}"')
JSON_ASCII = Notation(strings.json_ascii, file=f'"{_MARK}"')
_NO_BREAKS = sys.maxsize


def json_parts(value: Any, notation: Notation = JSON, *, lines: bool = True) -> list[str]:
    """Write a value as JSON, cut where the file's base64 goes: one text, or the two around it."""
    return write(value, notation, WIDTH if lines else _NO_BREAKS).split(_MARK)
