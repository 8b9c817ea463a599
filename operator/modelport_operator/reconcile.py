"""One resource, brought to what its spec says. The same for a new one, a changed one and one that is just looked at.

    resource ─► parse ─► keys ─► desired ─► apply, prune, scale ─► observe ─► status

Level-based: nothing here knows which event woke it. A reconciliation that finds everything as wanted writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from modelport.api import InvalidManifest, PublishedModel, model_name, parse_manifest
from modelport.schedule import next_transition, state_at
from modelport_operator.api_server import ApiError
from modelport_operator.cluster import Applied, Cluster, Refused
from modelport_operator.config import Config
from modelport_operator.desired import build_children
from modelport_operator.desired.base import Context
from modelport_operator.desired.config_maps import config_digest
from modelport_operator.events import build_events
from modelport_operator.hosts import Claims
from modelport_operator.images import choose_images
from modelport_operator.keys import Keys, ensure_keys
from modelport_operator.names import LIVE, deployment_name, is_config_name, key_digests_name, live_name
from modelport_operator.readiness import Gateways
from modelport_operator.replicas import DEFAULT, decide_replicas, with_replicas
from modelport_operator.resources import CONFIG_MAP, DEPLOYMENT, POD, SECRET, Kind, Manifest, kind_of
from modelport_operator.status import Facts, build_invalid_status, build_status
from modelport_operator.status.facts import STUCK_SECONDS, is_rolled_out, pod_is_ready
from modelport_operator.store import Key, key_of

log = logging.getLogger(__name__)

LEFTOVER_SECONDS = 1.0
"""Between two looks at what an earlier resource of the same name has left, which the cluster deletes in its time."""

HEAR_SECONDS = 60.0
"""Between two looks at a model of which a version or the sink may fail while its Pods are ready."""


@dataclass(slots=True)
class Reconciler:
    """Brings resources to what they say, one call at a time for each."""

    cluster: Cluster
    config: Config
    claims: Claims
    """Whose each route is."""
    optional: frozenset[Kind] = frozenset()
    """The optional kinds that the cluster has; the resync looks again."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    gateways: Gateways = field(default_factory=Gateways)
    """Asks Pods what Kubernetes does not know of them."""
    _parsed: dict[Key, tuple[tuple[Any, ...], PublishedModel]] = field(default_factory=dict)

    async def reconcile(self, key: Key) -> float | None:
        """Bring one resource to what it says; return the seconds after which to look again by itself.

        Raises ApiError where the API server is away or busy: the same call will do later.
        """
        resource = self.cluster.store.resource(key)
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            return None
        try:
            return await self._bring(resource, self.clock())
        except ApiError as error:
            if error.namespace_ends:
                return None
            raise

    async def _bring(self, resource: Manifest, now: datetime) -> float | None:
        try:
            model = self._parse(resource)
        except InvalidManifest as error:
            ready = sum(map(pod_is_ready, self._pods(resource)))
            await self._tell(resource, build_invalid_status(resource, error.problems, ready, now))
            return None
        keys = await ensure_keys(self.cluster, model, resource, now)
        context = self._context(model, resource, keys, now)
        applied = await self._write(context, resource)
        facts = await self._observe(context, resource, keys, applied.refused)
        await self._tell(resource, build_status(facts))
        return self._look_again(facts)

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a resource that is gone."""
        self._parsed.pop(key, None)
        self.gateways.forget(key)

    def _parse(self, resource: Manifest) -> PublishedModel:
        """Parse a resource once for each state of it: its rules take milliseconds, and most looks find it as it was."""
        key, metadata = key_of(resource), resource["metadata"]
        state = tuple(metadata.get(part) for part in ("uid", "generation", "annotations", "labels"))
        known, model = self._parsed.get(key, (None, None))
        if model is None or known != state:
            model = parse(resource)
            self._parsed[key] = state, model
        return model

    def _context(self, model: PublishedModel, resource: Manifest, keys: Keys, now: datetime) -> Context:
        digest = config_digest(model)
        images = choose_images(resource, digest, self.config)
        return Context(
            model=model,
            config=self.config,
            now=now,
            runtime_image=images.runtime,
            triton_image=images.triton,
            upgrade=images.upgrade,
            optional=self.optional,
            instances=max(1, sum(map(pod_is_ready, self._pods(resource)))),
            host_taken=self.claims.is_taken(key_of(resource)),
            key_digests=keys.digests,
            pins=pins_of(resource, digest),
        )

    async def _write(self, context: Context, resource: Manifest) -> Applied:
        """Apply what is wanted, delete what is not any more, and set the number of Pods."""
        key = key_of(resource)
        schedule = context.model.spec.execution.schedule
        running = schedule is None or state_at(schedule, context.now) == "Open"
        live = self.cluster.store.get(DEPLOYMENT, key.namespace, deployment_name(key.name))
        current = None if live is None else live["spec"].get("replicas")
        count = decide_replicas(context.model.spec.execution, running, current)
        wanted = [
            with_replicas(each, live, count) if kind_of(each) is DEPLOYMENT else each
            for each in build_children(context)
        ]
        applied = await self.cluster.apply(wanted, resource)
        if applied.written & {(CONFIG_MAP, live_name(key.name)), (SECRET, key_digests_name(key.name))}:
            await self._hurry(resource, context.now)
        if any(each.kind == DEPLOYMENT.name for each in applied.refused):
            return applied
        keep = {(kind_of(each), each["metadata"]["name"]) for each in wanted}
        await self.cluster.prune(resource, keep | self._may_be_mounted(resource))
        if count is not None and not (live is None and count == DEFAULT):
            await self.cluster.scale(key.namespace, deployment_name(key.name), count)
        return applied

    async def _hurry(self, resource: Manifest, now: datetime) -> None:
        """Touch the Pods, so that their kubelets look at what is mounted at once and not within their minute."""
        for pod in self._pods(resource):
            if not pod["metadata"].get("deletionTimestamp"):
                await self.cluster.annotate(POD, *key_of(pod), {LIVE: now.isoformat()})

    async def _observe(self, context: Context, resource: Manifest, keys: Keys, refused: Sequence[Refused]) -> Facts:
        children = self.cluster.store.children(key_of(resource))
        facts = Facts(context, resource, children, keys, tuple(refused))
        stuck = facts.stuck_pod
        events = () if stuck is None else tuple(await self.cluster.events_about(stuck))
        name = model_name(context.model)
        told = await self.gateways.consult(key_of(resource), facts.asked_pods, name, context.now)
        return replace(facts, pod_events=events, told=told)

    async def _tell(self, resource: Manifest, status: Manifest) -> None:
        """Write the status and its Events, if anything differs from what is told already."""
        before = resource.get("status", {})
        if status == before:
            return
        await self.cluster.write_status(resource, status)
        for event in build_events(resource, before, status, self.clock()):
            try:
                await self.cluster.create(event)
            except ApiError as error:
                if error.namespace_ends:
                    return
                # The status says the same; to do all again would not bring the Event either.
                log.info("%s: an Event could not be written: %s", key_of(resource), error)

    def _pods(self, resource: Manifest) -> list[Manifest]:
        children = self.cluster.store.children(key_of(resource))
        return [obj for (kind, _), obj in children.items() if kind is POD]

    def _may_be_mounted(self, resource: Manifest) -> set[tuple[Kind, str]]:
        """Return the ConfigMaps of former settings until the rollout is through.

        Till then a Pod of an older template may start again, or be made anew.
        """
        key = key_of(resource)
        live = self.cluster.store.get(DEPLOYMENT, key.namespace, deployment_name(key.name))
        if live is not None and is_rolled_out(live):
            return set()
        children = self.cluster.store.children(key)
        return {(kind, name) for kind, name in children if kind is CONFIG_MAP and is_config_name(name, key.name)}

    def _look_again(self, facts: Facts) -> float | None:
        """Return the seconds to the next moment at which something changes that no watch tells of."""
        schedule, now = facts.context.model.spec.execution.schedule, facts.context.now
        moments = [facts.keys.next_change]
        if schedule is not None:
            moments.append(next_transition(schedule, now))
            if schedule.override is not None and schedule.override.until > now:
                moments.append(schedule.override.until)  # even if nothing opens or closes then, its CronJob goes
        waits = [max(0.0, (moment - now).total_seconds()) for moment in moments if moment is not None]
        if facts.keys.own or facts.keys.problem or facts.refused:
            waits.append(self.config.own_keys_seconds)
        if facts.keys.leftover or any(each.reason == "Leftover" for each in facts.refused):
            waits.append(LEFTOVER_SECONDS)
        if facts.cause is not None:
            waits.append(STUCK_SECONDS)
        if facts.heard_pod is not None:
            waits.append(HEAR_SECONDS)
        return min(waits, default=None)


def parse(resource: Manifest) -> PublishedModel:
    """Read a resource as the API server has it; what the operator itself wrote into its status is not its input."""
    where = str(key_of(resource))
    return parse_manifest({name: part for name, part in resource.items() if name != "status"}, where=where)


def pins_of(resource: Manifest, digest: str) -> dict[str, Any]:
    """Return the versions and digest that the first Pod with these settings found, for later ones to take the same.

    They name the settings, since a Pod of others may start again while these are rolled out.
    """
    model = resource.get("status", {}).get("model", {})
    found = {} if model.get("config") != digest else model
    return {"config": digest} | {name: found[name] for name in ("version", "digest", "serving") if name in found}
