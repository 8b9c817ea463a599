"""All reading and writing of the cluster, beyond what the watches bring by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from modelport_operator.api_server import APPLY, MERGE, ApiError, ApiServer
from modelport_operator.drift import holds, stamp
from modelport_operator.names import APPLIED, FIELD_MANAGER, OURS, SCALE_MANAGER
from modelport_operator.resources import (
    CHILDREN,
    DEPLOYMENT,
    EVENT,
    PUBLISHED_MODEL,
    SECRET,
    Kind,
    Manifest,
    kind_of,
)
from modelport_operator.store import Key, Store, key_of, version_of

PAGE = 250
"""Objects in one answer to a list: what an answer takes while it is read stays small."""
NEVER = "1"
"""A version that no object has: etcd counts from 1, and its first write makes 2."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A child that could not be written."""

    kind: str
    name: str
    reason: str
    """NotOwned where somebody else's object has the name, Leftover where it is an earlier resource's that had the name
    of this one and is being deleted, else the API server's word."""
    message: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of some manifests."""

    refused: tuple[Refused, ...] = ()
    written: frozenset[tuple[Kind, str]] = frozenset()
    """Kind and name of each that was not yet as wanted."""


class Cluster:
    """The cluster as the reconciler sees it: the store for what is watched, the API server for the rest."""

    def __init__(self, server: ApiServer, store: Store, secret_seconds: float = 5.0) -> None:
        self.server = server
        self.store = store
        self.secret_seconds = secret_seconds
        """How long a Secret that was read is taken to be unchanged, in seconds: no watch follows Secrets. Long enough
        for the reconciliations that follow upon each other while Pods start, and short for a person who waits."""
        self._secrets: dict[Key, tuple[float, Manifest | None]] = {}

    async def apply(self, manifests: Sequence[Manifest], owner: Manifest) -> Applied:
        """Write each manifest that is not yet as wanted, in the order of `CHILDREN`.

        A refusal of one child stops no other. Raises ApiError where the server is away or busy.
        """
        refused: list[Refused] = []
        written: set[tuple[Kind, str]] = set()
        for manifest in sorted(manifests, key=_rank):
            result = await self._apply_one(manifest, owner)
            if isinstance(result, Refused):
                refused.append(result)
            elif result:
                written.add((kind_of(manifest), manifest["metadata"]["name"]))
        return Applied(tuple(refused), frozenset(written))

    async def _apply_one(self, manifest: Manifest, owner: Manifest) -> Refused | bool:
        """Tell whether one manifest had to be written, or why it could not be."""
        kind, (namespace, name) = kind_of(manifest), key_of(manifest)
        wanted = stamp(manifest)
        live = await self.read_secret(namespace, name) if kind is SECRET else self.store.get(kind, namespace, name)
        try:
            written = await self._apply_where_nothing_is(kind, wanted) if live is None else None
            if written is None:
                live = live or await self.read(kind, namespace, name)
                if live is not None and not is_owned(live, owner):
                    if kind is SECRET:
                        self.forget_secret(namespace, name)
                    return refusal_of(kind, live, owner)
                if live is not None and is_applied(live, wanted):
                    return False
                written = await self.patch(kind, namespace, name, wanted, FIELD_MANAGER)
        except ApiError as error:
            if error.refused and not error.namespace_ends:
                return Refused(kind.name, name, error.reason or "Refused", str(error))
            raise
        if kind is SECRET:
            self._remember(written)
        else:
            self.store.put(kind, written)
        return True

    async def _apply_where_nothing_is(self, kind: Kind, manifest: Manifest) -> Manifest | None:
        """Apply a manifest to which nothing known corresponds; None if something stands there all the same.

        That may be somebody else's, which is not watched, and must not be touched: the API server refuses to change
        what has another version than the one named, and makes what is not there.
        """
        namespace, name = key_of(manifest)
        metadata = {**manifest["metadata"], "resourceVersion": NEVER}
        try:
            return await self.patch(kind, namespace, name, {**manifest, "metadata": metadata}, FIELD_MANAGER)
        except ApiError as error:
            if error.status == 409:
                return None
            raise

    async def prune(self, owner: Manifest, keep: Collection[tuple[Kind, str]]) -> None:
        """Delete the children of a resource that are not in `keep`."""
        for (kind, name), live in self.store.children(key_of(owner)).items():
            if kind in CHILDREN and (kind, name) not in keep and is_owned(live, owner):
                await self.delete(kind, live)

    async def delete(self, kind: Kind, live: Manifest) -> None:
        """Delete this very object, unless it is gone already."""
        namespace, name = key_of(live)
        body = {"propagationPolicy": "Background", "preconditions": {"uid": live["metadata"]["uid"]}}
        try:
            await self.server.call("DELETE", kind.path(namespace, name), body)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
        self.store.drop(kind, live)

    async def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Set the number of a Deployment's Pods, and own it from now on."""
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas},
        }
        query = {"fieldManager": SCALE_MANAGER, "force": "true"}
        await self.server.call("PATCH", DEPLOYMENT.path(namespace, name, "scale"), body, query, APPLY)

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: Manifest, manager: str, subresource: str | None = None
    ) -> Manifest:
        """Apply an object, or a part of it, as one field manager; return what stands there now."""
        query = {"fieldManager": manager, "force": "true"}
        path = kind.path(namespace, name, subresource)
        written: Manifest = await self.server.call("PATCH", path, body, query, APPLY)
        return written

    async def annotate(self, kind: Kind, namespace: str, name: str, annotations: dict[str, str]) -> None:
        """Set annotations of an object, if it is still there."""
        try:
            await self.server.call(
                "PATCH", kind.path(namespace, name), {"metadata": {"annotations": annotations}}, None, MERGE
            )
        except ApiError as error:
            if error.status != 404:
                raise

    async def write_status(self, resource: Manifest, status: Manifest) -> None:
        """Replace the status of a resource, unless it is gone or another one has taken its name."""
        namespace, name = key_of(resource)
        metadata = {"name": name, "namespace": namespace, "uid": resource["metadata"]["uid"]}
        body = {
            "apiVersion": PUBLISHED_MODEL.api_version,
            "kind": PUBLISHED_MODEL.name,
            "metadata": metadata,
            "status": status,
        }
        try:
            written = await self.patch(PUBLISHED_MODEL, namespace, name, body, FIELD_MANAGER, "status")
        except ApiError as error:
            if error.status != 404:
                raise
        else:
            self.store.put(PUBLISHED_MODEL, written)

    async def read(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """Return one object as it is now; None if there is none."""
        try:
            found: Manifest = await self.server.call("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object; raises ApiError with reason AlreadyExists where there is one."""
        path = kind_of(manifest).path(manifest["metadata"]["namespace"])
        created: Manifest = await self.server.call("POST", path, manifest, {"fieldManager": FIELD_MANAGER})
        return created

    async def read_secret(self, namespace: str, name: str) -> Manifest | None:
        """Return a Secret as it was at most `secret_seconds` ago; None if there was none."""
        key = Key(namespace, name)
        read, secret = self._secrets.get(key, (-self.secret_seconds, None))
        if monotonic() - read < self.secret_seconds:
            return secret
        secret = await self.read(SECRET, namespace, name)
        self._note(key, secret)
        return secret

    def take_for_absent(self, namespace: str, name: str) -> None:
        """Take a Secret of a new resource for absent without asking; whoever then makes it is told if it is there."""
        self._secrets.setdefault(Key(namespace, name), (monotonic(), None))

    async def create_secret(self, manifest: Manifest) -> Manifest:
        """Create a Secret; raises ApiError with reason AlreadyExists where there is one."""
        return self._remember(await self.create(manifest))

    async def edit_secret(
        self, secret: Manifest, data: Mapping[str, str | None], annotations: Mapping[str, str]
    ) -> Manifest:
        """Set entries of a Secret (None removes one), if nobody has changed it since it was read."""
        namespace, name = key_of(secret)
        version = secret["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version, "annotations": dict(annotations)}, "data": dict(data)}
        self.forget_secret(namespace, name)
        query = {"fieldManager": FIELD_MANAGER}
        return self._remember(await self.server.call("PATCH", SECRET.path(namespace, name), body, query, MERGE))

    async def delete_secret(self, secret: Manifest) -> None:
        """Delete this very Secret, unless it is gone already."""
        self.forget_secret(*key_of(secret))
        await self.delete(SECRET, secret)

    def forget_secret(self, namespace: str, name: str) -> None:
        """Read a Secret anew the next time."""
        self._secrets.pop(Key(namespace, name), None)

    def _remember(self, secret: Manifest) -> Manifest:
        self._note(key_of(secret), secret)
        return secret

    def _note(self, key: Key, secret: Manifest | None) -> None:
        """Keep what was read, and drop what was read too long ago to count."""
        now = monotonic()
        self._secrets.pop(key, None)
        self._secrets[key] = (now, secret)
        while now - self._secrets[eldest := next(iter(self._secrets))][0] >= max(self.secret_seconds, 1e-3):
            del self._secrets[eldest]

    async def list_pages(self, kind: Kind, namespaces: Sequence[str]) -> AsyncIterator[tuple[Sequence[Manifest], int]]:
        """Yield every object that the operator follows, some at a time, and the version at which they stood so.

        Children are chosen by their label; of resources, all are followed.
        """
        query = {"limit": str(PAGE)} | ({} if kind is PUBLISHED_MODEL else {"labelSelector": OURS})
        kinds = {"apiVersion": kind.api_version, "kind": kind.name}
        for namespace in namespaces or (None,):
            mark: str | None = ""
            while mark is not None:
                page = await self.server.call("GET", kind.path(namespace), None, query | {"continue": mark})
                yield [kinds | each for each in page["items"]], version_of(page)
                mark = page["metadata"].get("continue") or None

    async def exists(self, kind: Kind) -> bool:
        """Tell whether the cluster has the kind at all."""
        try:
            served = await self.server.call("GET", f"/apis/{kind.group}/{kind.version}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return any(each["name"] == kind.plural for each in served.get("resources", ()))

    async def optional_kinds(self) -> frozenset[Kind]:
        """Return the optional kinds that the cluster has."""
        kinds = [kind for kind in CHILDREN if kind.optional]
        found = await asyncio.gather(*map(self.exists, kinds))
        return frozenset(kind for kind, there in zip(kinds, found, strict=True) if there)

    async def events_about(self, obj: Manifest) -> list[Manifest]:
        """Return the Events about an object, the newest last."""
        namespace, _ = key_of(obj)
        query = {"fieldSelector": f"involvedObject.uid={obj['metadata']['uid']}", "limit": "50"}
        page = await self.server.call("GET", EVENT.path(namespace), None, query)
        return sorted(page["items"], key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")


def is_owned(live: Manifest, owner: Manifest) -> bool:
    """Tell whether an object is controlled by this very resource."""
    references = live["metadata"].get("ownerReferences", ())
    return any(each.get("controller") and each["uid"] == owner["metadata"]["uid"] for each in references)


def refusal_of(kind: Kind, live: Manifest, owner: Manifest) -> Refused:
    """Say whose an object is that stands in a child's place."""
    name = live["metadata"]["name"]
    holder = next((each for each in live["metadata"].get("ownerReferences", ()) if each.get("controller")), None)
    if holder is None:
        return Refused(kind.name, name, "NotOwned", f"{kind.name} {name} exists and was not made for this resource")
    if (holder["kind"], holder["name"]) == (owner["kind"], owner["metadata"]["name"]):
        whose = f"an earlier PublishedModel {holder['name']}"
        return Refused(kind.name, name, "Leftover", f"{kind.name} {name} of {whose} is being deleted")
    whose = f"{holder['kind']} {holder['name']}"
    return Refused(kind.name, name, "NotOwned", f"{kind.name} {name} exists and belongs to {whose}")


def is_applied(live: Manifest, wanted: Manifest) -> bool:
    """Tell whether applying a stamped manifest would change nothing."""
    digest = wanted["metadata"]["annotations"][APPLIED]
    return live["metadata"].get("annotations", {}).get(APPLIED) == digest and holds(live, wanted)


def _rank(manifest: Manifest) -> int:
    kind = kind_of(manifest)
    return CHILDREN.index(kind) if kind in CHILDREN else -1
