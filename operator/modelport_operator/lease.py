"""Who works: of several operators the one that holds a Lease, for as long as it can renew it.

As in client-go: a Lease that was not renewed for its whole duration, by this process's own clock since it last saw it
change, may be taken over. Clocks of different machines are never compared.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from modelport_operator.api_server import ApiError
from modelport_operator.cluster import Cluster
from modelport_operator.resources import LEASE, Manifest

log = logging.getLogger(__name__)

LEASE_NAME = "modelport-operator"


class Lease:
    """One contender for the Lease `modelport-operator` of a namespace."""

    def __init__(self, cluster: Cluster, namespace: str, identity: str, seconds: float = 15.0) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.identity = identity
        self.seconds = seconds
        """How long the Lease holds without being renewed."""
        self._seen: tuple[str, float] = ("", -float("inf"))
        """The Lease's last known version, and when it was first seen, in monotonic seconds."""

    @property
    def retry_seconds(self) -> float:
        """Between two tries."""
        return self.seconds * 2 / 15

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self.try_once():  # noqa: ASYNC110 - nobody tells of a Lease that has become free
            await asyncio.sleep(self.retry_seconds)
        log.info("this operator holds the lease", extra={"identity": self.identity})

    async def keep(self) -> None:
        """Renew the Lease until that has failed for two thirds of its duration, then return: somebody else may work."""
        renewed = monotonic()
        while monotonic() - renewed < self.seconds * 2 / 3:
            await asyncio.sleep(self.retry_seconds)
            try:
                async with asyncio.timeout(self.seconds / 3):
                    if await self.try_once():
                        renewed = monotonic()
                    else:
                        log.error("another operator holds the lease")
                        return
            except TimeoutError:
                log.warning("the lease could not be renewed in time")
        log.error("the lease is lost")

    async def release(self) -> None:
        """Give the Lease up, so that another one need not wait for its end."""
        try:
            lease = await self.cluster.read(LEASE, self.namespace, LEASE_NAME)
            if lease is not None and lease["spec"].get("holderIdentity") == self.identity:
                await self._replace(lease, {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1})
        except ApiError as error:
            log.warning("the lease could not be given up: %s", error)

    async def try_once(self) -> bool:
        """Take or renew the Lease; tell whether it is ours now."""
        try:
            lease = await self.cluster.read(LEASE, self.namespace, LEASE_NAME)
            if lease is None:
                await self.cluster.create(self._build())
                return True
            if not self._may_take(lease):
                return False
            await self._replace(lease, self._spec(lease["spec"]))
        except ApiError as error:
            # 409: another one was faster. Anything else will pass, or the Lease is lost.
            log.log(logging.DEBUG if error.status == 409 else logging.WARNING, "lease: %s", error)
            return False
        return True

    def _may_take(self, lease: Manifest) -> bool:
        version, now = lease["metadata"]["resourceVersion"], monotonic()
        if version != self._seen[0]:
            self._seen = (version, now)
        holder = lease["spec"].get("holderIdentity")
        duration = float(lease["spec"].get("leaseDurationSeconds") or self.seconds)
        return not holder or holder == self.identity or now - self._seen[1] > duration

    def _build(self) -> Manifest:
        metadata = {"name": LEASE_NAME, "namespace": self.namespace}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": self._spec({})}

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        taken = before.get("holderIdentity") != self.identity
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self.seconds)),
            "acquireTime": now if taken else before.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0) + (1 if taken and before else 0),
        }

    async def _replace(self, lease: Manifest, spec: dict[str, Any]) -> None:
        """Write the Lease as it was read, with another spec; a conflict if somebody else has written meanwhile."""
        path = LEASE.path(self.namespace, LEASE_NAME)
        await self.cluster.server.call("PUT", path, {**lease, "spec": spec})
