"""A request's `inputs` as `nnc` and `prediction-one` have them: a list of objects with a name, a type and data."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from modelport.gateway.codecs.number_list import is_list
from modelport.gateway.codecs.words import describe, item, member, one_of, quote
from modelport.gateway.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of `inputs`."""

    name: str
    type: str
    """In small letters."""
    data: Any
    path: str
    """Of the object."""


def read_entries(inputs: Any) -> list[Entry]:
    """Read the list; raise BadRequest with the path of what is not as it should be."""
    if not is_list(inputs):
        raise BadRequest(f"inputs: expected a list of objects, got {describe(inputs)}")
    return [_read_entry(each, item("inputs", index)) for index, each in enumerate(inputs)]


def _read_entry(entry: Any, path: str) -> Entry:
    if not isinstance(entry, dict):
        raise BadRequest(f"{path}: expected an object, got {describe(entry)}")
    for name in ("name", "type"):
        if not isinstance(entry.get(name), str):
            raise BadRequest(f"{member(path, name)}: expected a string, got {describe(entry.get(name))}")
    if "data" not in entry:
        raise BadRequest(f"{member(path, 'data')}: the member is missing")
    return Entry(entry["name"], entry["type"].lower(), entry["data"], path)


def check_names(entries: Sequence[Entry], known: Collection[str], needed: Collection[str], taker: str) -> None:
    """Raise BadRequest unless every needed name stands exactly once, and no name twice or unknown.

    `taker` is who takes the inputs, for messages: `the model`.
    """
    takes = f"{taker} takes {one_of(tuple(known))}"
    seen: dict[str, Entry] = {}
    for entry in entries:
        path = member(entry.path, "name")
        if entry.name not in known:
            raise BadRequest(f"{path}: no such input {quote(entry.name)}, {takes}")
        if entry.name in seen:
            raise BadRequest(f"{path}: {quote(entry.name)} is given in {seen[entry.name].path} too; {takes}, each once")
        seen[entry.name] = entry
    for name in needed:
        if name not in seen:
            raise BadRequest(f"inputs: {quote(name)} is missing, {takes}")
