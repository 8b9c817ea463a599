"""JSON text to values, exactly and at speed; every format reads its body here and writes its reply here.

Reading is stricter than Python's own parser: a doubled key, a lone surrogate, a number that no double holds and deep
nesting are errors with their place, not surprises further on. What is valid but large costs what orjson costs.

An integer beyond 64 bits may arrive as a float; whoever wants an integer refuses floats (`arrays`, `expect`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from modelport.gateway.codecs.number_list import MARK, NumberList, cut_out
from modelport.gateway.codecs.words import item, member
from modelport.gateway.errors import BadRequest

DEPTH = 64
"""Lists and objects inside one another, unless the model's limits say otherwise."""

_LARGE = 10_000
_BOM = b"\xef\xbb\xbf"
_BRACKETS = b"[]{}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_CONSTANTS = (b"-Infinity", b"Infinity", b"NaN")
_CONSTANT = re.compile("NaN|Infinity")


def loads(body: bytes, *, constants: bool, depth: int = DEPTH, number_lists: bool = False) -> Any:
    """Read a JSON document.

    Args:
        body: UTF-8, with or without a byte order mark.
        constants: whether the bare tokens `NaN`, `Infinity` and `-Infinity` are numbers.
        depth: how many lists and objects may stand inside one another.
        number_lists: whether a `NumberList` may stand for a long list of numbers; the caller then tells lists by
            `is_list` and makes arrays of them by `parse_array`.

    Raises:
        BadRequest: with the line and column, or with the path of a doubled key.
    """
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        raise BadRequest("the body is empty, expected JSON")
    if number_lists:
        rest, lists = cut_out(body)
        if lists:
            try:
                return _put_back(_read(rest, constants=constants, depth=depth), lists, depth)
            except BadRequest:  # whose place in the whole body is found below
                pass
    return _read(body, constants=constants, depth=depth)


def _read(body: bytes, *, constants: bool, depth: int) -> Any:
    value = _parse(body, constants=constants)
    if _is_deeper_than(depth, body):
        raise BadRequest(f"the body is nested deeper than {depth} lists and objects")
    if _may_have_doubled_keys(value, body):
        _refuse_doubled_keys(body)
    return value


def dumps(value: Any) -> bytes:
    """Write a value of dicts, lists, strings, numbers and `orjson.Fragment`s, without white space."""
    return orjson.dumps(value)


def _put_back(value: Any, lists: Sequence[NumberList], depth: int) -> Any:
    """Put each list where its mark stands; raise BadRequest where that is too deep, or no place for a value."""
    root = [value]
    found = 0
    rest: list[tuple[dict[Any, Any] | list[Any], int]] = [(root, 0)]
    while rest:
        holder, level = rest.pop()
        for place, each in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(each, dict | list):
                rest.append((each, level + 1))
            elif isinstance(each, str) and each.startswith(MARK):
                numbers = lists[int(each.removeprefix(MARK))]
                if level + len(numbers.shape) > depth:
                    raise BadRequest("a list of numbers is nested too deep")
                holder[place] = numbers
                found += 1
    if found < len(lists):
        raise BadRequest("a list of numbers stands where an object's key belongs")
    return root[0]


def _parse(body: bytes, *, constants: bool) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        plain = _blank_constants(body) if constants else body
        if plain == body:
            raise _not_json(error) from error
    # orjson judges the whole text with zeros in the constants' places; Python's parser, which reads them, gives values.
    try:
        orjson.loads(plain)
        return json.loads(body)
    except json.JSONDecodeError as error:  # orjson's is one of these
        raise _not_json(error) from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deep") from error


def _blank_constants(body: bytes) -> bytes:
    """Put a zero of the same length in each constant's place, so that positions stay true.

    Constants in strings change too. That makes no string right that was wrong, and the strings are not looked at.
    """
    for constant in _CONSTANTS:
        body = body.replace(constant, b"0".ljust(len(constant)))
    return body


def _not_json(error: json.JSONDecodeError) -> BadRequest:
    constant = _CONSTANT.match(error.doc, error.pos)
    reason = f"{constant[0]} is not a number in JSON" if constant else error.msg
    return BadRequest(f"the body is not JSON: {reason} (line {error.lineno}, column {error.colno})")


def _is_deeper_than(depth: int, body: bytes) -> bool:
    """Tell how deep a valid document is nested by peeling off the innermost brackets, layer by layer."""
    if _count(body, b"[") + _count(body, b"{") <= depth:
        return False
    if b"\\" in body:  # escapes, which stand in strings alone, may hide quotes
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    outside_strings = b"".join(body.split(b'"')[::2])
    brackets = outside_strings.translate(_AS_SQUARE, _NOT_BRACKETS)
    for _ in range(depth):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _may_have_doubled_keys(value: Any, body: bytes) -> bool:
    """Tell whether a member of an object went missing when the document was read.

    Every member has one colon, and every other colon stands in a string. So all is well as soon as the members and
    the strings' colons found add up to the colons of the text. Objects are looked into before lists: in most requests
    a few members account for every colon, and the long lists of numbers are never touched.
    """
    missing = _count(body, b":")
    if not missing:
        return False
    # An escaped colon, which the text does not count, could stand in for a lost one. One character is found at once.
    if b"\\" in body and b"\\u003" in body:
        return True
    objects: list[dict[str, Any]] = []
    lists: list[list[Any]] = [[value]]
    while objects or lists:
        members: Any
        if objects:
            found = objects.pop()
            missing -= len(found)
            if not missing:
                return False
            missing -= sum(key.count(":") for key in found)
            members = found.values()
        else:
            members = lists.pop()
        for value in members:
            kind = type(value)
            if kind is dict:
                objects.append(value)
            elif kind is list:
                lists.append(value)
            elif kind is str:
                missing -= value.count(":")
        if not missing:
            return False
    return True


def _count(body: bytes, character: bytes) -> int:
    """Count a character; in what holds a picture numpy is several times faster at that than `bytes.count`."""
    if len(body) < _LARGE:
        return body.count(character)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(character)))


class _Doubled(dict[str, Any]):
    """An object in whose text a key stood twice."""

    key: str


def _refuse_doubled_keys(body: bytes) -> None:
    """Raise BadRequest with the path of the first doubled key; return when there is none after all."""
    try:
        value = json.loads(body, object_pairs_hook=_keep_doubled)
    except RecursionError as error:
        raise BadRequest("the body is nested too deep") from error
    rest: list[tuple[str, Any]] = [("", value)]
    while rest:
        path, value = rest.pop()
        match value:
            case _Doubled():
                raise BadRequest(f"{member(path, value.key)}: the key stands twice in one object")
            case dict():
                rest.extend((member(path, key), inner) for key, inner in value.items())
            case list():
                rest.extend((item(path, i), inner) for i, inner in enumerate(value) if isinstance(inner, dict | list))


def _keep_doubled(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    doubled = _Doubled(value)
    seen: set[str] = set()
    doubled.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return doubled
