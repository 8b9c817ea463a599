"""From a method and a raw path to the format, its route and the path's parameters.

A path is split at its slashes first and percent-decoded after, so `%2F` and `%3A` stay inside a name. The lookup is a
walk over a tree of segments: its cost does not grow with the number of formats or routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from modelport.gateway.errors import BadRequest, GatewayError, MethodNotAllowed, NotFound
from modelport.gateway.formats.base import Format, Route

_PLACEHOLDER = re.compile(r"\{(\w+)\}(:\w+)?")


@dataclass(frozen=True, slots=True)
class Match:
    """Where a request belongs. Without a route, `error` says why and `format` is the one that words it."""

    format: Format
    route: Route | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    error: GatewayError | None = None


@dataclass(slots=True)
class _Leaf:
    format: Format
    route: Route
    names: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    placeholders: dict[str, _Node] = field(default_factory=dict)
    """By the literal rest of the segment: empty, or a verb such as `:predict`."""
    leaves: dict[str, _Leaf] = field(default_factory=dict)
    """By method."""


class Router:
    """All routes of all formats. The first format words the errors of paths that are nobody's."""

    def __init__(self, formats: Iterable[Format]) -> None:
        """Index the routes; two formats that claim the same method and path are a bug and raise ValueError."""
        self._formats = tuple(formats)
        self._root = _Node()
        self._prefixes = sorted(
            ((prefix, fmt) for fmt in self._formats for prefix in fmt.prefixes), key=lambda item: -len(item[0])
        )
        for fmt in self._formats:
            for route in fmt.routes:
                self._add(fmt, route)

    def match(self, method: str, raw_path: str) -> Match:
        """Find the route of a request. HEAD is answered like GET."""
        found = self._walk(self._root, raw_path.split("/"), 1, [])
        if found is None:
            return self._miss(raw_path, NotFound(f"Malformed request: {method} {_shown(raw_path)}: no such address"))
        node, values = found
        leaf = node.leaves.get("GET" if method == "HEAD" else method)
        if leaf is None:
            allow = tuple(sorted(node.leaves))
            message = f"Malformed request: {method} {_shown(raw_path)}: this address takes {' or '.join(allow)}"
            return Match(next(iter(node.leaves.values())).format, error=MethodNotAllowed(message, allow))
        try:
            params = {name: _decoded(value) for name, value in zip(leaf.names, values, strict=True)}
        except UnicodeDecodeError:
            error = BadRequest(f"path: expected percent-encoded UTF-8, got {_shown(raw_path)}")
            return Match(leaf.format, error=error)
        return Match(leaf.format, leaf.route, params)

    def _miss(self, raw_path: str, error: GatewayError) -> Match:
        for prefix, fmt in self._prefixes:
            if raw_path == prefix or raw_path.startswith(prefix + "/"):
                return Match(fmt, error=error)
        return Match(self._formats[0], error=error)

    def _add(self, fmt: Format, route: Route) -> None:
        node, names = self._root, []
        for segment in route.path.split("/")[1:]:
            placeholder = _PLACEHOLDER.fullmatch(segment)
            if placeholder:
                names.append(placeholder[1])
                node = node.placeholders.setdefault(placeholder[2] or "", _Node())
            else:
                node = node.literals.setdefault(segment, _Node())
        if route.method in node.leaves:
            raise ValueError(f"{route.method} {route.path} is claimed twice")
        node.leaves[route.method] = _Leaf(fmt, route, tuple(names))

    def _walk(self, node: _Node, segments: list[str], depth: int, values: list[str]) -> tuple[_Node, list[str]] | None:
        if depth == len(segments):
            return (node, values) if node.leaves else None
        segment = segments[depth]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._walk(literal, segments, depth + 1, values)
            if found is not None:
                return found
        value, colon, verb = segment.rpartition(":")
        if not colon:
            value, verb = segment, ""
        wild = node.placeholders.get(colon + verb)
        if wild is None or not value or ":" in value:
            return None
        return self._walk(wild, segments, depth + 1, [*values, value])


def _decoded(value: str) -> str:
    return unquote_to_bytes(value.encode("utf-8", "surrogateescape")).decode()


def _shown(raw_path: str) -> str:
    text = raw_path.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= 200 else text[:200] + "…"
