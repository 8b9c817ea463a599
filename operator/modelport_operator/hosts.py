"""Addresses that two resources claim: the oldest keeps one, the others are told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelport.api.route import Route, prefix_of
from modelport_operator.config import Config
from modelport_operator.resources import Manifest
from modelport_operator.store import Key, key_of


def is_host_taken(resource: Manifest, resources: Iterable[tuple[Key, Manifest]], config: Config) -> bool:
    """Tell whether an older resource claims the same host and path.

    The API server tells seconds apart; of those made in one second, the one that is routed already counts as older.
    """
    claim = find_claim(resource, config)
    if claim is None:
        return False
    rank = _rank(resource, claim)
    return any(find_claim(other, config) == claim and _rank(other, claim) < rank for _, other in resources)


def find_rivals(
    before: Manifest | None, after: Manifest | None, resources: Iterable[tuple[Key, Manifest]], config: Config
) -> list[Key]:
    """Return the other resources that claim a route which one resource has just taken up, been given or given up.

    `before` and `after` are that resource; None where it does not exist.
    """
    standings = {_standing(each, config) for each in (before, after)}
    one = after or before
    if len(standings) == 1 or one is None:
        return []
    claims = {claim for claim, _ in standings if claim is not None}
    return [key for key, other in resources if key != key_of(one) and find_claim(other, config) in claims]


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


def _rank(resource: Manifest, claim: Route) -> tuple[str, bool, str]:
    """Order those who make one claim: the least has it."""
    metadata = resource["metadata"]
    return metadata.get("creationTimestamp", ""), not _is_routed(resource, claim), metadata["uid"]


def _standing(resource: Manifest | None, config: Config) -> tuple[Route | None, bool]:
    claim = None if resource is None else find_claim(resource, config)
    return claim, resource is not None and claim is not None and _is_routed(resource, claim)


def _is_routed(resource: Manifest, claim: Route) -> bool:
    """Tell whether a resource has the route that it claims, and not only one that it claimed before."""
    status = resource.get("status", {})
    told = {each["type"]: each["status"] for each in status.get("conditions", ())}
    _, _, address = status.get("url", "").partition("://")
    at_listener = "/" in (claim.host or "")  # whose host no address tells
    return told.get("Routed") == "True" and (at_listener or address == f"{claim.host}{claim.prefix}")
