"""Who works: of several operators the one that holds a Lease, for as long as it can renew it.

As in client-go, a Lease that was not renewed for its whole duration, by this process's own clock since it last saw it
change, may be taken over; clocks of different machines are never compared. The holder stops by itself after two thirds
of the duration, counted from before its last renewal was sent, so there is a third between its last call and another
one's first. `holds` is asked before every call, not only here: a process that was suspended goes on where it stood.

Nothing takes back a call that was sent before: the process ends, which closes its connections, and the API server has
that third to finish or to give up what came by them. Should a write come later still, as from a machine that was
suspended in the middle of it, then the next holder is told of it by its watches and puts right what it finds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from modelport_operator.api_server import ApiError
from modelport_operator.cluster import Cluster
from modelport_operator.resources import LEASE, Manifest

log = logging.getLogger(__name__)

LEASE_NAME = "modelport-operator"


def clock() -> float:
    """Return seconds that go on while the machine sleeps, unlike `time.monotonic` on Linux."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """One contender for the Lease `modelport-operator` of a namespace.

    The cluster that it is given must reach the API server by a way of its own: a renewal must never wait for the
    operator's work.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        identity: str,
        seconds: float = 15.0,
        clock: Callable[[], float] = clock,
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.identity = identity
        self.seconds = seconds
        """How long the Lease holds without being renewed."""
        self._clock = clock
        self._until = -float("inf")
        """To when it is surely ours, by `clock`."""
        self._seen: tuple[str, float] = ("", -float("inf"))
        """The Lease's last known version, and when it was first seen, by `clock`."""
        self._told = ""
        """What was last logged; the same thing is said once."""

    @property
    def retry_seconds(self) -> float:
        """Between two tries."""
        return self.seconds * 2 / 15

    def holds(self) -> bool:
        """Tell whether nobody else can have the Lease yet."""
        return self._clock() < self._until

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self.try_once():  # noqa: ASYNC110 - nobody tells of a Lease that has become free
            await asyncio.sleep(self.retry_seconds)

    async def keep(self) -> None:
        """Renew the Lease until it is lost, then return: somebody else may work soon."""
        while self.holds():
            await asyncio.sleep(min(self.retry_seconds, max(0.0, self._until - self._clock())))
            await self.try_once()

    async def release(self) -> None:
        """Give the Lease up, so that another one need not wait for its end. The work must have ended before."""
        self._until = -float("inf")
        try:
            async with asyncio.timeout(self.seconds / 3):
                lease = await self.cluster.read(LEASE, self.namespace, LEASE_NAME)
                if lease is not None and lease["spec"].get("holderIdentity") == self.identity:
                    await self._replace(lease, {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1})
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease could not be given up, and ends by itself: %s", error)

    async def try_once(self) -> bool:
        """Take or renew the Lease; tell whether that has worked."""
        began = self._clock()
        try:
            async with asyncio.timeout(self._patience(began)):
                holder = await self._try()
        except (ApiError, TimeoutError) as error:
            self._tell(logging.WARNING, f"not renewed: {str(error) or 'the API server does not answer in time'}")
            return False
        if holder != self.identity:
            self._until = -float("inf")
            self._tell(logging.INFO, f"held by {holder}")
            return False
        self._until = began + self.seconds * 2 / 3
        self._tell(logging.INFO, f"held by {holder}")
        return True

    def _patience(self, now: float) -> float:
        """Return the seconds that a try may take; one that renews, no longer than the Lease is surely ours."""
        third = self.seconds / 3
        return min(third, self._until - now) if self.holds() else third

    async def _try(self) -> str:
        """Take or renew the Lease, if it is free or ours; return who has it then."""
        lease = await self.cluster.read(LEASE, self.namespace, LEASE_NAME)
        if lease is None:
            await self.cluster.create(self._build())
        elif self._may_take(lease):
            await self._replace(lease, self._spec(lease["spec"]))
        else:
            return str(lease["spec"]["holderIdentity"])
        return self.identity

    def _tell(self, level: int, what: str) -> None:
        if what != self._told:
            log.log(level, "Lease %s/%s: %s", self.namespace, LEASE_NAME, what)
        self._told = what

    def _may_take(self, lease: Manifest) -> bool:
        version, now = lease["metadata"]["resourceVersion"], self._clock()
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
