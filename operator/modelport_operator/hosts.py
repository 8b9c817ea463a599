"""Addresses that two resources claim: the oldest keeps one, the others are told."""

from __future__ import annotations

from typing import Any, NamedTuple

from modelport.api.route import Route, prefix_of
from modelport_operator.config import Config
from modelport_operator.resources import Manifest
from modelport_operator.store import Key, key_of


class Standing(NamedTuple):
    """How a resource stands among those that make one claim: the least of these has the route."""

    created: str
    waits: bool
    """The API server tells seconds apart; of those made in one second, the one that is routed already is the least."""
    uid: str


class Claims:
    """Which route each resource asks for."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._claims: dict[Key, Route] = {}
        self._claimants: dict[Route, dict[Key, Standing]] = {}

    def is_taken(self, key: Key) -> bool:
        """Tell whether an older resource claims the same host and path as this one."""
        claim = self._claims.get(key)
        if claim is None:
            return False
        standings = self._claimants[claim]
        return min(standings.values()) < standings[key]

    def take(self, key: Key, resource: Manifest | None) -> list[Key]:
        """Note what a resource claims now, None if it is gone; return the others whom the change concerns."""
        claim = None if resource is None else find_claim(resource, self._config)
        standing = None if resource is None or claim is None else stand(resource, claim)
        former = self._claims.pop(key, None)
        before = None if former is None else self._claimants[former].pop(key)
        if claim is not None and standing is not None:
            self._claims[key] = claim
            self._claimants.setdefault(claim, {})[key] = standing
        concerned: list[Key] = []
        if (claim, standing) != (former, before):
            for route in {claim, former}:
                concerned += [each for each in self._claimants.get(route, ()) if each != key] if route else []
        if former is not None and not self._claimants[former]:
            del self._claimants[former]
        return concerned


def find_claim(resource: Manifest, config: Config) -> Route | None:
    """Return the route that a resource asks for, if it does and there is a host for it.

    It is read without parsing: what breaks a rule elsewhere keeps its route. Where a Gateway's listener knows the host,
    the Gateway stands for it: a slash is in no host's name.
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


def stand(resource: Manifest, claim: Route) -> Standing:
    """Return how a resource stands in a claim."""
    metadata = resource["metadata"]
    return Standing(metadata.get("creationTimestamp", ""), not _is_routed(resource, claim), metadata["uid"])


def _is_routed(resource: Manifest, claim: Route) -> bool:
    """Tell whether a resource has the route that it claims, and not only one that it claimed before."""
    status = resource.get("status", {})
    told = {each["type"]: each["status"] for each in status.get("conditions", ())}
    _, _, address = status.get("url", "").partition("://")
    at_listener = "/" in (claim.host or "")  # whose host no address tells
    return told.get("Routed") == "True" and (at_listener or address == f"{claim.host}{claim.prefix}")
