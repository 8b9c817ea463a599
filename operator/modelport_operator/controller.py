"""The working process: what the watches see goes into the store, and the queue's keys through the reconciler."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter

from modelport_operator.api_server import ApiError
from modelport_operator.cluster import Cluster
from modelport_operator.config import Config
from modelport_operator.hosts import Claims
from modelport_operator.metrics import Metrics
from modelport_operator.names import keys_name
from modelport_operator.reconcile import Reconciler
from modelport_operator.resources import PUBLISHED_MODEL, WATCHED, Kind, Manifest
from modelport_operator.store import Key, Store, is_older, key_of
from modelport_operator.work_queue import LONGEST_DELAY, WorkQueue

log = logging.getLogger(__name__)


class Controller:
    """Reconciles every resource that is seen, with `config.workers` at a time."""

    def __init__(self, cluster: Cluster, config: Config, metrics: Metrics) -> None:
        self.cluster = cluster
        self.config = config
        self.metrics = metrics
        self.store: Store = cluster.store
        self.queue: WorkQueue[Key] = WorkQueue()
        self.claims = Claims(config)
        self.reconciler = Reconciler(cluster, config, self.claims)
        self.store.on_resource = self._resource_changed
        self.synced = asyncio.Event()
        """Set once everything that stands in the cluster is known: before, a child could seem to be missing."""
        self.outdated = asyncio.Event()
        """Set when the cluster has come to have other optional kinds, so that others must be watched."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """List what there is, then begin to work; does nothing if that has begun."""
        if self._tasks:
            return
        self.metrics.forget_models()
        await self.resync()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self.config.workers)]
        self._tasks.append(asyncio.create_task(self._resync_for_ever()))

    async def stop(self) -> None:
        """End, in the middle of a reconciliation too: the next one finds the same state to go on from."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def seen(self, kind: Kind, event: str | None, obj: Manifest) -> None:
        """Take what a watch tells; `event` is None for what stood there when the watch began."""
        before = self.store.resource(key_of(obj)) if kind is PUBLISHED_MODEL else None
        key = self.store.drop(kind, obj) if event == "DELETED" else self.store.put(kind, obj)
        if before is not None and key is not None and (is_older(obj, before) or _asked(obj) != _asked(before)):
            # Who touches a resource after its keys expects that both are looked at.
            self.cluster.forget_secret(key.namespace, keys_name(key.name))
        if key is not None and self.store.resource(key) is not None:
            self.queue.add(key)
        self.metrics.waiting(len(self.queue))

    def _resource_changed(self, key: Key, resource: Manifest | None) -> None:
        """Look again at those who claim the same route, and tell the resource's state."""
        for rival in self.claims.take(key, resource):
            self.queue.add(rival)
        if resource is None:
            self.queue.forget(key)
            self.reconciler.forget(key)
        state = None if resource is None else resource.get("status", {}).get("state", "Pending")
        self.metrics.model(key.namespace, key.name, state)

    async def resync(self) -> None:
        """List everything, and wake every resource: a watch that broke may have missed something."""
        optional = await self.cluster.optional_kinds()
        if self.synced.is_set() and optional != self.reconciler.optional:
            self.outdated.set()
        self.reconciler.optional = optional
        for kind in (*(each for each in WATCHED if not each.optional), *self.reconciler.optional, PUBLISHED_MODEL):
            await self._relist(kind)
        for key in self.store.resources():
            self.queue.add(key)
        self.synced.set()

    async def _relist(self, kind: Kind) -> None:
        """Take what stands in the cluster into the store, and out of it what does not."""
        listed: set[Key] = set()
        versions: list[int] = []
        async for objects, version in self.cluster.list_pages(kind, self.config.namespaces):
            for obj in objects:
                self.store.put(kind, obj)
            listed.update(map(key_of, objects))
            versions.append(version)
        self.store.keep(kind, listed, min(versions))

    async def _resync_for_ever(self) -> None:
        pause = self.config.resync_seconds
        while True:
            await asyncio.sleep(pause)
            try:
                await self.resync()
                pause = self.config.resync_seconds
            except ApiError as error:
                pause = min(LONGEST_DELAY, self.config.resync_seconds)
                log.warning("the resync failed, and is tried again in %g s: %s", pause, error)

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            self.metrics.waiting(len(self.queue))
            began = perf_counter()
            result, again = "done", None
            try:
                again = await self.reconciler.reconcile(key)
                self.queue.done(key)
            except ApiError as error:
                result = "waiting" if not error.refused else "refused"
                log.warning("%s: %s", key, error, extra={"model": str(key)})
                self.queue.done(key, failed=True, retry_after=error.retry_after)
            except Exception:
                result = "failed"
                log.exception("%s: a reconciliation failed", key, extra={"model": str(key)})
                self.queue.done(key, failed=True)
            self.metrics.reconciled(result, perf_counter() - began)
            if self.store.resource(key) is None:  # it went while it was worked on
                self.queue.forget(key)
            elif again is not None:
                self.queue.add_later(key, again)


def _asked(resource: Manifest) -> tuple[object, object]:
    """Return what differs after a user's change of a resource, and not after one of its status."""
    metadata = resource["metadata"]
    return metadata.get("generation"), metadata.get("annotations")
