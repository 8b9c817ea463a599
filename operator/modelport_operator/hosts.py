"""Addresses that two resources claim: the oldest keeps one, the others are told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelport.api.route import Route, prefix_of
from modelport_operator.config import Config
from modelport_operator.resources import Manifest
from modelport_operator.store import Key, key_of


def is_host_taken(resource: Manifest, resources: Iterable[tuple[Key, Manifest]], config: Config) -> bool:
    """Tell whether an older resource claims the same host and path."""
    claim = find_claim(resource, config)
    if claim is None:
        return False
    return any(find_claim(other, config) == claim and _age(other) < _age(resource) for _, other in resources)


def find_rivals(
    before: Manifest | None, after: Manifest | None, resources: Iterable[tuple[Key, Manifest]], config: Config
) -> list[Key]:
    """Return the other resources that claim a route which one resource has just taken up or given up.

    `before` and `after` are that resource; None where it does not exist.
    """
    claims = {each and find_claim(each, config) for each in (before, after)}
    one = after or before
    if len(claims) == 1 or one is None:
        return []
    return [key for key, other in resources if key != key_of(one) and find_claim(other, config) in claims - {None}]


def find_claim(resource: Manifest, config: Config) -> Route | None:
    """Return the route that a resource asks for, if it does and there is a host for it.

    It is read without parsing, since each reconciliation of a routed model looks at all the others. Where a Gateway's
    listener knows the host, the Gateway stands for it: a slash is in no host's name.
    """
    access: dict[str, Any] = resource["spec"].get("access", {})
    namespace, name = key_of(resource)
    asked: dict[str, Any] | None = access.get("ingress", access.get("gateway"))
    if asked is None:
        return None
    host = asked.get("host")
    listener = config.shared_host if "ingress" in access else f"{asked.get('namespace', namespace)}/{asked['name']}"
    if not (host or listener):
        return None
    return Route(host or listener, prefix_of(host, asked.get("path"), namespace, name))


def _age(resource: Manifest) -> tuple[str, str]:
    metadata = resource["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["uid"]
