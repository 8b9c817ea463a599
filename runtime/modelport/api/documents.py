"""YAML text into plain objects, read as `kubectl` reads it.

PyYAML differs from kubectl's reader where it hurts: to PyYAML `10:00` is 600, `2026-12-31` is no text, and `1e-3` and
`y` are text; to kubectl the first two are text, `1e-3` is a number and `y` is true. The loader here sides with kubectl.
What kubectl lets pass and nobody means, the same key twice and `y:` as the key "true", is refused.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, ClassVar

import yaml

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
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise BadYaml("expected text in UTF-8, got half a surrogate pair") from error
    if len(content) > MAX_BYTES:
        raise BadYaml(f"expected at most {MAX_BYTES // 1024} KiB of YAML")
    try:
        _check_nesting(content)
        documents = [document for document in yaml.load_all(content, Loader=_Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadYaml(f"{line}not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise BadYaml(f"not YAML: {str(error).splitlines()[0]}") from error
    except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
        # How PyYAML falls over content that its explicit tag does not fit, such as `!!bool maybe`.
        raise BadYaml("not YAML: a tag such as !!bool stands before something else") from error
    for document in documents:
        _count_nodes(document, {})
    return documents


def _check_nesting(content: bytes) -> None:
    """Look at depth before anything is built: the builder recurses, and its stack is not ours to guard."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
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


def _tag(name: str) -> str:
    return f"tag:yaml.org,2002:{name}"


_PLAIN_VALUES = {
    "merge": r"<<",
    "null": r"~|null|Null|NULL|",
    "bool": r"[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
    "int": r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+)",
    "float": r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
"""What a value without quotes may be, the first that fits; anything else is text."""


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe loader with kubectl's idea of plain values and of keys."""

    bool_values: ClassVar = {**yaml.CSafeLoader.bool_values, "y": True, "n": False}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse keys that stand twice or are not meant as they are read."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            line = f"line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise BadYaml(f"{line}: expected text as a key")
            if key.tag in (_tag("bool"), _tag("null")):
                raise BadYaml(f"{line}: expected text as a key; quote {key.value or '~'}")
            if (key.tag, key.value) in seen:
                raise BadYaml(f"{line}: {key.value} stands twice")
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


_EVERYWHERE: Any = None
"""PyYAML looks resolvers up by a value's first character; under None are those that see every value."""
_Loader.yaml_implicit_resolvers = {
    _EVERYWHERE: [(_tag(name), re.compile(f"({pattern})$")) for name, pattern in _PLAIN_VALUES.items()]
}
