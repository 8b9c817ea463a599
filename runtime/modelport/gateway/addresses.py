"""Which model a request's Host and path speak of, before any format looks at it.

A model published with `spec.access.ingress` or `gateway` answers at its own host, or below its path on a shared one.
The path is stripped here, in the cluster and on one machine alike, so that formats see the addresses of their
documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelport.api import PublishedModel, model_name
from modelport.api.route import route_of

ANY_HOST = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands: the only model it may speak of (None for any), and the path below it."""

    model: str | None
    path: str


class Addresses:
    """Every published host and path."""

    def __init__(self, resources: Iterable[PublishedModel]) -> None:
        self._by_host: dict[str, list[tuple[str, str]]] = {}
        for resource in resources:
            route = route_of(resource)
            if route is not None and (route.host or route.prefix):
                host = (route.host or ANY_HOST).lower()
                self._by_host.setdefault(host, []).append((route.prefix, model_name(resource)))
        for entries in self._by_host.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def place(self, host: str, path: str) -> Place:
        """Look a request up; what nobody published speaks of every model.

        A path that was published for no host in particular counts on each: the name of the shared host is known to the
        operator, or to a Gateway's listener.
        """
        if self._by_host:
            for known in (host.partition(":")[0].lower(), ANY_HOST):
                for prefix, name in self._by_host.get(known, ()):
                    if not prefix:
                        return Place(name, path)
                    if path.startswith(prefix + "/"):
                        return Place(name, path[len(prefix) :])
        return Place(None, path)
