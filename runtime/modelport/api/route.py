"""Where a resource asks to be reached from outside: what its route announces, and what the gateway takes off again."""

from __future__ import annotations

from typing import NamedTuple

from modelport.api.model import PublishedModel


class Route(NamedTuple):
    """An address from outside."""

    host: str | None
    """None where somebody else decides: the operator's shared host, or a Gateway's listener."""
    prefix: str
    """Stands before each API's own path; empty, or with a slash in front and none behind."""


def route_of(resource: PublishedModel) -> Route | None:
    """Return the route that `spec.access` asks for: at the root of a host of its own, else below a path."""
    access, metadata = resource.spec.access, resource.metadata
    asked = access.ingress or access.gateway
    if asked is None:
        return None
    return Route(asked.host, prefix_of(asked.host, asked.path, metadata.namespace, metadata.name))


def prefix_of(host: str | None, path: str | None, namespace: str, name: str) -> str:
    """Return a route's prefix: the path that was asked for, else none on a host of its own, else /NAMESPACE/NAME."""
    return (path or ("" if host else f"/{namespace}/{name}")).rstrip("/")
