"""What the watches last said: children by owner, resources by key. Reads cost nothing and ask nobody.

kopf's events fill it; a slow resync replaces it, because a watch that broke may have missed a deletion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from modelport_operator.resources import PUBLISHED_MODEL, Kind, Manifest


class Key(NamedTuple):
    """A PublishedModel in the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Store:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[Kind, dict[Key, Manifest]] = {}
        self._owned: dict[Key, dict[tuple[Kind, str], Manifest]] = {}

    def put(self, kind: Kind, obj: Manifest) -> Key | None:
        """Keep an object unless a newer one is known; return the resource that it concerns."""
        key = key_of(obj)
        known = self._objects.get(kind, {}).get(key)
        if known is not None and known["metadata"]["uid"] == obj["metadata"]["uid"] and _is_older(obj, known):
            return None
        self.drop(kind, obj)
        self._objects.setdefault(kind, {})[key] = obj
        if kind is PUBLISHED_MODEL:
            return key
        owner = owner_of(obj)
        if owner is not None:
            self._owned.setdefault(owner, {})[kind, key.name] = obj
        return owner

    def drop(self, kind: Kind, obj: Manifest) -> Key | None:
        """Forget an object; return the resource that it concerned."""
        key = key_of(obj)
        known = self._objects.get(kind, {}).pop(key, None)
        if kind is PUBLISHED_MODEL:
            return key
        owner = owner_of(known or obj)
        children = self._owned.get(owner) if owner else None
        if owner is not None and children is not None:
            children.pop((kind, key.name), None)
            if not children:
                del self._owned[owner]
        return owner

    def replace(self, kind: Kind, objects: Iterable[Manifest]) -> set[Key]:
        """Take a full list as the truth; return the resources for which it differs from what was known."""
        listed = {key_of(obj): obj for obj in objects}
        changed = set()
        for key, known in list(self._objects.get(kind, {}).items()):
            if key not in listed:
                changed.add(self.drop(kind, known))
        for key, obj in listed.items():
            known_now = self._objects.get(kind, {}).get(key)
            if known_now is None or known_now["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
                changed.add(self.put(kind, obj))
        return {key for key in changed if key is not None}

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """Return one object, whoever owns it."""
        return self._objects.get(kind, {}).get(Key(namespace, name))

    def resource(self, key: Key) -> Manifest | None:
        """Return a PublishedModel."""
        return self._objects.get(PUBLISHED_MODEL, {}).get(key)

    def resources(self) -> Iterator[tuple[Key, Manifest]]:
        """Yield every PublishedModel."""
        yield from list(self._objects.get(PUBLISHED_MODEL, {}).items())

    def children(self, key: Key) -> Mapping[tuple[Kind, str], Manifest]:
        """Return what a resource owns, by kind and name."""
        return dict(self._owned.get(key, {}))


def key_of(obj: Manifest) -> Key:
    """Return an object's place."""
    return Key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def owner_of(obj: Manifest) -> Key | None:
    """Return the PublishedModel that controls an object, or the one whose label it bears.

    Pods are owned by a ReplicaSet, so it is their label that tells.
    """
    metadata = obj["metadata"]
    for reference in metadata.get("ownerReferences", ()):
        if reference.get("kind") == PUBLISHED_MODEL.name and reference.get("apiVersion") == PUBLISHED_MODEL.api_version:
            return Key(metadata.get("namespace", ""), reference["name"])
    from_label = metadata.get("labels", {}).get("app.kubernetes.io/instance")
    return Key(metadata.get("namespace", ""), from_label) if from_label else None


def _is_older(obj: Manifest, known: Manifest) -> bool:
    """Tell whether `obj` is what came before `known`.

    Resource versions are compared as numbers, which Kubernetes allows since 1.35 and has always kept them.
    """
    try:
        return int(obj["metadata"]["resourceVersion"]) < int(known["metadata"]["resourceVersion"])
    except (KeyError, ValueError):
        return False
