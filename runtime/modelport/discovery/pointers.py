"""JSON Pointers (RFC 6901): a place inside a JSON value."""

from __future__ import annotations

from typing import Any


def get(value: Any, pointer: str) -> Any:
    """Return what stands at the place; raise LookupError where there is no such place."""
    for token in _tokens(pointer):
        value = value[_step(value, token)]
    return value


def put(value: Any, pointer: str, new: Any) -> Any:
    """Return the value with `new` at the place, all else shared with the old one; raise LookupError likewise."""
    return _put(value, _tokens(pointer), new)


def _put(value: Any, tokens: list[str], new: Any) -> Any:
    if not tokens:
        return new
    step = _step(value, tokens[0])
    copy = value.copy()
    copy[step] = _put(value[step], tokens[1:], new)
    return copy


def _tokens(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise LookupError(pointer)
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _step(value: Any, token: str) -> str | int:
    """Return the key or the index that a token means in this value."""
    if isinstance(value, dict) and token in value:
        return token
    if isinstance(value, list) and token.isascii() and token.isdigit() and int(token) < len(value):
        return int(token)
    raise LookupError(token)
