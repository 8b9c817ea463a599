"""The rules of the resource, evaluated as the API server evaluates them.

`rules` of a block are CEL expressions. In a cluster they are part of the CustomResourceDefinition; here cel-python runs
the very same text, so that `modelport serve` and `kubectl apply` refuse the same manifests in the same words.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from modelport.api.frozen import Frozen, Rule

REMEMBERED = 4096
"""Outcomes of rules: one takes a millisecond, and a thousand resources are alike in most of their blocks."""


def broken_rules(resource: Frozen, old: Frozen | None = None) -> Iterator[tuple[str, str]]:
    """Yield the path and the message of every rule that the resource breaks.

    `old` is the resource as it was before; without it, rules about a change hold.
    """
    yield from _walk(resource, _view(resource), None if old is None else _view(old), "")


def _walk(block: Frozen, view: Any, old: Any, path: str) -> Iterator[tuple[str, str]]:
    for rule in block.rules:
        if not _holds(rule, view, old):
            yield (path + rule.field_path).removeprefix("."), rule.message
    for name, value in block.present():
        if isinstance(value, Frozen):
            before = old[name] if old is not None and name in old else None
            yield from _walk(value, view[name], before, f"{path}.{name}")
        elif isinstance(value, tuple):
            for index, entry in enumerate(value):
                if isinstance(entry, Frozen):
                    yield from _walk(entry, view[name][index], None, f"{path}.{name}[{index}]")


def _holds(rule: Rule, view: Any, old: Any) -> bool:
    if "oldSelf" in rule.rule:
        return old is None or _evaluate(rule.rule, {"self": view, "oldSelf": old})
    concerned = _fields_of(rule.rule)
    if concerned is not None:
        view = type(view)({name: content for name, content in view.items() if name in concerned})
    return _holds_for(rule.rule, json.dumps(view, default=str), _Unseen(view))


class _Unseen:
    """Equal to all of its kind, and so no part of what a cache goes by."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unseen)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=REMEMBERED)
def _holds_for(expression: str, text: str, view: _Unseen) -> bool:
    """Evaluate a rule once for all blocks that write the fields of which it speaks in the same words."""
    return _evaluate(expression, {"self": view.value})


@cache
def _fields_of(expression: str) -> tuple[str, ...] | None:
    """Return the fields of the block that a rule speaks of; None where it speaks of the block itself."""
    names = re.findall(r"\bself\.([A-Za-z]\w*)\b(?!\()", expression)
    return tuple(sorted(set(names))) if len(names) == len(re.findall(r"\bself\b", expression)) else None


def _evaluate(expression: str, values: Mapping[str, Any]) -> bool:
    from celpy.evaluation import CELEvalError

    try:
        return bool(_program(expression).evaluate(values))
    except CELEvalError:  # as the API server does: what cannot be evaluated is refused
        return False


@cache
def _program(expression: str) -> Any:
    """Compile on first use: most manifests need a few of the rules only."""
    from celpy.celtypes import IntType

    environment = _environment()
    kubernetes: dict[str, Any] = {"sum": lambda numbers: IntType(sum(numbers))}  # what its own list library adds
    return environment.program(environment.compile(expression), functions=kubernetes)


@cache
def _environment() -> Any:
    import celpy

    limit = sys.getrecursionlimit()
    environment = celpy.Environment()
    sys.setrecursionlimit(limit)  # celpy raises it for the whole process; our expressions are flat
    return environment


def _view(value: Any) -> Any:
    """Return the value as CEL sees it."""
    from celpy import celtypes

    match value:
        case Frozen():
            return celtypes.MapType({celtypes.StringType(name): _view(content) for name, content in value.present()})
        case Mapping():
            return celtypes.MapType({celtypes.StringType(key): _view(content) for key, content in value.items()})
        case tuple() | list():
            return celtypes.ListType([_view(entry) for entry in value])
        case bool():
            return celtypes.BoolType(value)
        case int() if abs(value) < 2**63:
            return celtypes.IntType(value)
        case float():
            return celtypes.DoubleType(value)
        case datetime():
            return celtypes.TimestampType(value)
        case str():
            return celtypes.StringType(value)
        case _:  # in free-form blocks, into which no rule can look
            return None
