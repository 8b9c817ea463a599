"""What the watches last said: children by owner, resources by key. Reads cost nothing and ask nobody.

kopf's events fill it; a slow resync replaces it, because a watch that broke may have missed a deletion.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from modelport_operator.resources import DEPLOYMENT, POD, PUBLISHED_MODEL, Kind, Manifest


class Key(NamedTuple):
    """A PublishedModel in the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


GRAVES = 10_000
"""Objects that are gone and still remembered: far more than end while one call is under way."""


SHARED = 100_000
"""Parts that objects may share, beyond which sharing begins anew: what a thousand resources have, some times over."""


REPLICAS: Manifest = {"f:spec": {"f:replicas": {}}}
"""What is kept of the fields that somebody owns."""


class Store:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self.on_resource: Callable[[Key, Manifest | None], None] = lambda key, resource: None
        """Called with each PublishedModel that is another than before, None for one that is gone."""
        self._objects: dict[Kind, dict[Key, Manifest]] = {}
        self._owned: dict[Key, dict[tuple[Kind, str], Manifest]] = {}
        self._parts = Parts()
        self._gone: dict[str, int] = {}
        """By uid, the version at which an object ended. The answer to a write of ours, or a list, may come after the
        watch's word of the end, and must not bring the object back."""

    def put(self, kind: Kind, obj: Manifest) -> Key | None:
        """Keep an object unless it or a newer one is known, or its end is; return the resource that it concerns.

        The watch's word of what we have written ourselves is nothing new, and concerns nobody. An older state that
        comes late does: the answer to a write of ours, which is newer, may have brought somebody's change along before
        the watch told of it, and nothing else wakes a look at that.
        """
        key = key_of(obj)
        known = self._objects.get(kind, {}).get(key)
        uid, version = obj["metadata"]["uid"], version_of(obj)
        if version <= self._gone.get(uid, -1):
            return None
        if known is not None and version == version_of(known):
            return None
        if known is not None and is_older(obj, known):
            return key if kind is PUBLISHED_MODEL else owner_of(known)
        self._remove(kind, key, obj)
        obj = self._parts.share(_without_unread(kind, obj))
        self._objects.setdefault(kind, {})[key] = obj
        if kind is PUBLISHED_MODEL:
            self.on_resource(key, obj)
            return key
        owner = owner_of(obj)
        if owner is not None:
            self._owned.setdefault(owner, {})[kind, key.name] = obj
        return owner

    def drop(self, kind: Kind, obj: Manifest) -> Key | None:
        """Forget an object that is gone; return the resource that it concerned.

        One that has taken its name since then stays.
        """
        key = key_of(obj)
        uid = obj["metadata"]["uid"]
        self._gone[uid] = version_of(obj)
        if len(self._gone) > GRAVES:
            del self._gone[next(iter(self._gone))]
        known = self._objects.get(kind, {}).get(key)
        if known is not None and known["metadata"]["uid"] != uid:
            return owner_of(obj) if kind is not PUBLISHED_MODEL else key
        return self._forget(kind, key, obj)

    def keep(self, kind: Kind, listed: Collection[Key], version: int) -> None:
        """Forget what a full list has not; `version` is that of the list, and what is newer stays."""
        for key, known in list(self._objects.get(kind, {}).items()):
            if key not in listed and version_of(known) <= version:
                self._forget(kind, key, known)

    def _forget(self, kind: Kind, key: Key, obj: Manifest) -> Key | None:
        owner = self._remove(kind, key, obj)
        if kind is PUBLISHED_MODEL:
            self.on_resource(key, None)
        return owner

    def _remove(self, kind: Kind, key: Key, obj: Manifest) -> Key | None:
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

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """Return one object, whoever owns it."""
        return self._objects.get(kind, {}).get(Key(namespace, name))

    def resource(self, key: Key) -> Manifest | None:
        """Return a PublishedModel."""
        return self._objects.get(PUBLISHED_MODEL, {}).get(key)

    def resources(self) -> list[Key]:
        """Return the place of every PublishedModel."""
        return list(self._objects.get(PUBLISHED_MODEL, {}))

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


def _without_unread(kind: Kind, obj: Manifest) -> Manifest:
    """Leave out who owns which field, half of many an object, but of Deployments' replicas; and most of a Pod."""
    metadata = {name: part for name, part in obj["metadata"].items() if name != "managedFields"}
    if kind is DEPLOYMENT:
        metadata["managedFields"] = [
            {"manager": each.get("manager", ""), "fieldsV1": REPLICAS}
            for each in obj["metadata"].get("managedFields", ())
            if "f:replicas" in each.get("fieldsV1", {}).get("f:spec", {})
        ]
    if kind is POD:
        return {**obj, "metadata": metadata, "spec": _of_pod(obj.get("spec", {}))}
    return {**obj, "metadata": metadata}


def _of_pod(spec: Manifest) -> Manifest:
    """Keep what tells where a Pod runs, of which settings, and what it needs; the rest stands in its Deployment."""
    kept: Manifest = {name: spec[name] for name in ("nodeName", "nodeSelector") if name in spec}
    for part in ("initContainers", "containers"):
        kept[part] = [
            {name: each[name] for name in ("name", "resources") if name in each} for each in spec.get(part, ())
        ]
    kept["volumes"] = [each for each in spec.get("volumes", ()) if "configMap" in each]
    return kept


class Parts:
    """Parts of objects that are kept once, however many objects have them: of most objects nearly all.

    What is shared must never be changed, and nothing that a store gives out is.
    """

    def __init__(self, most: int = SHARED) -> None:
        self._most = most
        self._met: set[int] = set()
        """Hashes of parts that were met once: most of these belong to one object alone, and are not worth an entry."""
        self._known: dict[Any, Any] = {}
        """Parts by what they are made of; a part within one goes by its identity, and lives as long as that one."""

    def __len__(self) -> int:
        return len(self._known) + len(self._met)

    def share(self, value: Any) -> Any:
        """Return an equal value, of which every part that is known already is the known one."""
        if len(self) > self._most:
            self._known, self._met = {}, set()
        return self._share(value)

    def _share(self, value: Any) -> Any:
        match value:
            case dict():
                made = {sys.intern(name): self._share(part) for name, part in value.items()}
                return self._keep((dict, *((name, id(part)) for name, part in made.items())), made)
            case list():
                parts = [self._share(part) for part in value]
                return self._keep((list, *map(id, parts)), parts)
            case _:  # 1 is not True, though Python says that they are equal
                return self._keep((type(value), value), value)

    def _keep(self, key: Any, part: Any) -> Any:
        known = self._known.get(key)
        if known is not None:
            return known
        if (met := hash(key)) in self._met:
            self._known[key] = part
        else:
            self._met.add(met)
        return part


def version_of(obj: Manifest) -> int:
    """Return the version of an object; a later one is greater, among all objects of its kind.

    Kubernetes promises since 1.35 that these are numbers to compare, and has always kept it for its own storage.
    """
    version = obj["metadata"].get("resourceVersion", "")
    return int(version) if version.isdigit() else 0


def is_older(obj: Manifest, than: Manifest) -> bool:
    """Tell whether an object is of an earlier version than another state of it."""
    return version_of(obj) < version_of(than)
