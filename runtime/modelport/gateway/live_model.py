"""One model as it is now: its resource joined with what Triton last said of its versions.

`models.py` keeps this current; a request reads it and waits for nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from time import monotonic

from modelport.api import ServedModel, apis_of, model_name
from modelport.gateway.coalesce import Coalescer
from modelport.gateway.errors import RETRY_AFTER, BadRequest, ModelNotFound, Unavailable
from modelport.gateway.formats.base import Model, VersionState
from modelport.gateway.outage import Outage
from modelport.gateway.standing import Standing
from modelport.gateway.tensors import ModelMeta

STOPPED = VersionState(0, "UNAVAILABLE", "StoppedBySchedule")
"""What readiness says of a model whose schedule is closed; its reason is read by machines."""


@dataclass(slots=True)
class Version:
    """One version as Triton last described it."""

    state: VersionState
    meta: ModelMeta | None = None
    read: float = -inf
    """When `meta` was read, in monotonic seconds."""
    answered: float = -inf
    """When it last answered an inference, in monotonic seconds."""
    silent: bool = False
    """The last probe had no answer: Triton calls it READY, and it is not."""
    silent_since: float = inf
    """When the first of the probes without an answer ended, in monotonic seconds."""
    died: bool = False
    """The last probe was told that the model's process has died: it will not answer any more."""

    @property
    def ready(self) -> bool:
        return self.state.state == "READY" and self.meta is not None and not self.silent

    @property
    def told(self) -> VersionState:
        """Its state as readiness tells it: Triton's own, unless it keeps silent."""
        if self.silent:
            return VersionState(self.state.version, "UNAVAILABLE", "Triton calls it ready, and it does not answer")
        return self.state


class LiveModel:
    """One model, between its resource and Triton."""

    def __init__(self, served: ServedModel, outage: Outage) -> None:
        self.outage = outage
        self.coalescer = Coalescer(outage.infer, limit=served.resource.spec.limits.queue_length)
        self.serve(served)
        self.versions: dict[int, Version] = {}
        self.trouble = "Triton has not been reached yet"
        """Why no version is known, where none is."""

    def serve(self, served: ServedModel) -> None:
        """Take what the configuration says of the model now."""
        self.served = served
        self.spec = served.resource.spec
        self.name = model_name(served.resource)
        """In URLs and in Triton."""
        self.namespace = served.resource.metadata.namespace
        self.apis = apis_of(self.spec)
        self.coalescer.limit = self.spec.limits.queue_length
        self.coalescer.joins = self.spec.model.config.join_requests is not False
        self._standing = Standing(self.spec.execution.schedule)

    @property
    def stopped(self) -> bool:
        """Its schedule is closed now, whether Triton still has it or not."""
        return self._standing.closed(datetime.now(UTC))

    def check_open(self) -> None:
        """Raise StoppedBySchedule if its schedule is closed now."""
        self._standing.check(self.name, datetime.now(UTC))

    @property
    def ready(self) -> bool:
        """Some version answers, no version that Triton calls READY keeps silent, and the schedule is open."""
        versions = self.versions.values()
        return (
            any(version.ready for version in versions)
            and not any(version.silent for version in versions)
            and not self.stopped
        )

    @property
    def state(self) -> VersionState:
        """The model in one line: its newest version's state, or the trouble that hides it."""
        if self.stopped:
            return STOPPED
        if self.trouble:
            return VersionState(0, "UNAVAILABLE", self.trouble)
        return self.versions[max(self.versions)].told

    def states(self, version: int | None = None) -> tuple[VersionState, ...]:
        """The states of all versions, or of one; raises ModelNotFound for an unknown one."""
        if version is None:
            return tuple(known.state for known in self.versions.values() if known.state.version)
        if version not in self.versions:
            raise ModelNotFound(self.name, version)
        return (self.versions[version].state,)

    def version_of(self, label: str) -> int:
        """The version that a label names."""
        version = self.spec.model.versions.labels.get(label)
        if version is None:
            known = ", ".join(sorted(self.spec.model.versions.labels)) or "none"
            raise BadRequest(f"Unrecognized servable version label: {label}; declared labels: {known}")
        return version

    def resolve(self, version: int | None) -> ModelMeta:
        """Choose the version that answers: the one asked for, else by `versions.traffic`, else the newest ready one.

        While Triton is away for a moment, one that answered before stands for ready: `outage.py` has its requests wait.
        """
        if version is not None:
            known = self.versions.get(version)
            if (known is None or not known.ready) and (awaited := self.outage.awaited.get(version)) is not None:
                return awaited
            if known is None:
                if not self.trouble:
                    raise ModelNotFound(self.name, version)
                raise self._unavailable(self.trouble)
            if known.ready and known.meta is not None:
                return known.meta
            raise self._unavailable(known.state.reason or f"version {version} is {known.state.state}")
        ready = {number: known.meta for number, known in self.versions.items() if known.ready and known.meta}
        ready = ready or self.outage.awaited
        if not ready:
            raise self._unavailable(self.state.reason or f"the model is {self.state.state}")
        shares = {share.version: share.percent for share in self.spec.model.versions.traffic if share.version in ready}
        if any(shares.values()):
            return ready[random.choices(list(shares), list(shares.values()))[0]]  # noqa: S311 a share, not a secret
        return ready[max(ready)]

    def newest_first(self) -> list[Version]:
        """The versions, the highest number first."""
        return [self.versions[number] for number in sorted(self.versions, reverse=True)]

    def answers(self, version: int | None) -> bool:
        """Whether a version answers, or any; raises ModelNotFound for an unknown one."""
        if version is None:
            return any(known.ready for known in self.versions.values()) and not self.stopped
        self.states(version)
        return self.versions[version].ready and not self.stopped

    def lost(self) -> None:
        """Triton is gone, and with it all that was known of it; those that answered are waited for."""
        self.outage.begin(known.meta for known in self.versions.values() if known.ready and known.meta)
        self.versions = {}
        self.trouble = "Triton is starting or restarting"

    def found(self, versions: dict[int, Version]) -> None:
        """Take what Triton says of the versions now."""
        self.versions = versions
        self.trouble = "" if versions else "Triton does not have it"
        self.outage.end(number for number, known in versions.items() if known.ready)

    def answered(self, version: int) -> None:
        """Note that a version has just answered, so that nobody need ask it."""
        known = self.versions.get(version)
        if known is not None:
            known.answered = monotonic()

    def view(self, meta: ModelMeta) -> Model:
        """What formats may know."""
        versions = tuple(sorted(number for number, known in self.versions.items() if known.ready))
        return Model(self.name, self.spec, self.served.labels, meta, versions)

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(f"model {self.name} cannot answer now: {why}", retry_after=RETRY_AFTER)
