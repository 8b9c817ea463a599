"""Which model a request's Host and path speak of, before any format looks at it.

A model published with `spec.access.ingress` answers at its own host, or below its path on a shared one. The path is
stripped here, in the cluster and on one machine alike, so that formats see the addresses of their documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelport.api import PublishedModel, model_name


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
            ingress = resource.spec.access.ingress
            if ingress is None or not ingress.host:
                continue
            prefix = (ingress.path or "").rstrip("/")
            self._by_host.setdefault(ingress.host.lower(), []).append((prefix, model_name(resource)))
        for entries in self._by_host.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def place(self, host: str, path: str) -> Place:
        """Look a request up; a host that nobody published speaks of every model."""
        if self._by_host:
            for prefix, name in self._by_host.get(host.partition(":")[0].lower(), ()):
                if not prefix:
                    return Place(name, path)
                if path.startswith(prefix + "/"):
                    return Place(name, path[len(prefix) :])
        return Place(None, path)
