"""Addresses that two resources claim: the oldest keeps one, the others are told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelport_operator.config import Config
from modelport_operator.resources import Manifest
from modelport_operator.store import Key, key_of


def is_host_taken(resource: Manifest, resources: Iterable[tuple[Key, Manifest]], config: Config) -> bool:
    """Tell whether an older resource claims the same host and path."""
    place = claimed_place(resource, config)
    if place is None:
        return False
    return any(
        key != key_of(resource) and _age(other) < _age(resource) and claimed_place(other, config) == place
        for key, other in resources
    )


def claimed_place(resource: Manifest, config: Config) -> tuple[str, str] | None:
    """Return the host and path at which a resource wants to be reached from outside, if it does."""
    access: dict[str, Any] = resource.get("spec", {}).get("access", {})
    asked = access.get("ingress") or access.get("gateway")
    if asked is None:
        return None
    host = asked.get("host", "" if "gateway" in access else config.shared_host)
    shared = "/" + "/".join(key_of(resource))
    return host, asked.get("path") or ("/" if asked.get("host") else shared)


def _age(resource: Manifest) -> tuple[str, str]:
    metadata = resource["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["uid"]
