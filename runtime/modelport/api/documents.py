"""YAML text into plain objects, read as `kubectl` reads it.

PyYAML differs from kubectl's reader where it hurts: to PyYAML `10:00` is 600, `2026-12-31` is no text, and `1e-3` and
`y` are text; to kubectl the first two are text, `1e-3` is a number and `y` is true. The loader here sides with kubectl.
What kubectl lets pass and nobody means, the same key twice and `y:` as the key "true", is refused.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any, ClassVar

import yaml

_BOOL, _FLOAT, _INT, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null"))

MAX_BYTES = 1536 * 1024
"""Largest text: what etcd takes of one object."""
MAX_DEPTH = 100
"""Deepest nesting; the resource itself has ten levels."""
MAX_NODES = 200_000
"""Most values, each alias counted at every place it stands for."""


class BadYaml(Exception):
    """Text that is no YAML, or YAML that cannot be meant so; the message names the line."""


def load_documents(text: str) -> list[object]:
    """Return the documents of a YAML text, empty ones left out; raise BadYaml."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise BadYaml(f"expected at most {MAX_BYTES // 1024} KiB of YAML")
    try:
        _check_nesting(text)
        documents = [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadYaml(f"{line}not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise BadYaml(f"not YAML: {str(error).splitlines()[0]}") from error
    for document in documents:
        _count_nodes(document, {})
    return documents


def _check_nesting(text: str) -> None:
    """Look at depth before anything is built: the builder recurses, and its stack is not ours to guard."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise BadYaml(f"line {line}: nested more than {MAX_DEPTH} deep")


def _count_nodes(value: object, seen: dict[int, int]) -> int:
    """Count the values below `value`; an alias is one object at several places, and is counted once but added often."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in seen:
        if seen[id(value)] == 0:
            raise BadYaml("an alias stands for something that holds itself")
        return seen[id(value)]
    seen[id(value)] = 0
    below = value.values() if isinstance(value, dict) else value
    seen[id(value)] = 1 + sum(_count_nodes(entry, seen) for entry in below)
    if seen[id(value)] > MAX_NODES:
        raise BadYaml(f"more than {MAX_NODES} values")
    return seen[id(value)]


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe loader, with Kubernetes' idea of numbers, times and keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise BadYaml(f"line {key.start_mark.line + 1}: expected text as a key")
            if key.tag in (_BOOL, _NULL):
                raise BadYaml(f"line {key.start_mark.line + 1}: expected text as a key; quote {key.value or '~'}")
            if (key.tag, key.value) in seen:
                raise BadYaml(f"line {key.start_mark.line + 1}: {key.value} stands twice")
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    bool_values: ClassVar = {**yaml.CSafeLoader.bool_values, "y": True, "n": False}


def _resolvers() -> Iterator[tuple[str, list[tuple[str, re.Pattern[str]]]]]:
    dropped = {_BOOL, _FLOAT, _INT, "tag:yaml.org,2002:timestamp"}
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items():
        yield first, [(tag, pattern) for tag, pattern in resolvers if tag not in dropped]


_Loader.yaml_implicit_resolvers = dict(_resolvers())
_Loader.add_implicit_resolver(
    _BOOL, re.compile(r"(y|yes|n|no|true|false|on|off|[YN]|Yes|No|True|False|On|Off|YES|NO|TRUE|FALSE|ON|OFF)$"), None
)
_Loader.add_implicit_resolver(
    _INT, re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"),
    list("-+0123456789."),
)
