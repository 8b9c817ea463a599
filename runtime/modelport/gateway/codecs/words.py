"""How messages about a JSON body speak: where something stands, and what it is, never the data at length."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

LONGEST = 60
"""Characters of the caller's own text that a message repeats."""


def member(path: str, key: str) -> str:
    """Return the path of an object's member: `instances[3]` and `x` make `instances[3].x`."""
    key = clip(key)
    plain = key != "" and key.isprintable() and not any(mark in key for mark in '.[]" ')
    if not plain:
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def item(path: str, *index: int) -> str:
    """Return the path of an element in a list, or in a list of lists: `x` and 3, 1 make `x[3][1]`."""
    return path + "".join(f"[{i}]" for i in index)


def clip(text: str) -> str:
    """Shorten the caller's text to what a message may repeat."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def quote(text: str) -> str:
    """Return the caller's text as a message shows it: in double quotes, shortened."""
    return json.dumps(clip(text), ensure_ascii=False)


def describe(value: Any) -> str:
    """Say what a JSON value is: `the string "a"`, `the number 1.5`, `a list`, `null`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {clip(str(value))}"
        case str():
            return f"the string {quote(value)}"
        case Sequence():
            return "a list"
        case _:
            return "an object"


def one_of(names: Sequence[str]) -> str:
    """List names for a message: `'a', 'b'`, or `none` for none."""
    return ", ".join(repr(clip(name)) for name in names) or "none"
