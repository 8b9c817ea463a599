"""The models that this gateway serves: what the configuration says of them joined with what Triton says of them now.

`Models.watch` asks Triton again and again and keeps the answers; a request reads them and waits for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic

from modelport.api import PublishedModelSpec, ServedModel, apis_of, model_name
from modelport.gateway.coalesce import Coalescer
from modelport.gateway.errors import BadRequest, DeadlineExceeded, GatewayError, ModelNotFound, Unavailable
from modelport.gateway.formats.base import Model, VersionState
from modelport.gateway.tensors import ModelMeta
from modelport.gateway.triton import RETRY_AFTER, Triton
from modelport.gateway.triton_protobuf import zero_request

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""Between two looks at Triton's repository; a look is one small call for all models."""
META_SECONDS = 10.0
"""A model's metadata is read again after this, for a Triton whose models someone else reloads."""
PROBE_SECONDS = 5.0
"""A version that answered nobody for so long is asked by the gateway itself."""
PROBE_TIMEOUT = 10.0
"""A probe that takes longer says that the model does not answer."""


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

    @property
    def ready(self) -> bool:
        return self.state.state == "READY" and self.meta is not None and not self.silent


class LiveModel:
    """One model, between its resource and Triton."""

    def __init__(self, served: ServedModel, coalescer: Coalescer) -> None:
        self.served = served
        self.coalescer = coalescer
        self.versions: dict[int, Version] = {}
        self.trouble = "Triton has not been reached yet"
        """Why no version is known, where none is."""

    @property
    def name(self) -> str:
        """The name in URLs and in Triton."""
        return model_name(self.served.resource)

    @property
    def namespace(self) -> str:
        return self.served.resource.metadata.namespace

    @property
    def spec(self) -> PublishedModelSpec:
        return self.served.resource.spec

    @property
    def apis(self) -> tuple[str, ...]:
        return apis_of(self.spec)

    @property
    def ready(self) -> bool:
        """Some version answers, and no version that Triton calls READY keeps silent."""
        return any(version.ready for version in self.versions.values()) and not any(
            version.silent for version in self.versions.values()
        )

    @property
    def state(self) -> VersionState:
        """The model in one line: its newest version's state, or the trouble that hides it."""
        if self.trouble:
            return VersionState(0, "UNAVAILABLE", self.trouble)
        newest = self.versions[max(self.versions)]
        if newest.silent:
            return VersionState(newest.state.version, "UNAVAILABLE", "Triton calls it ready, and it does not answer")
        return newest.state

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
        """Choose the version that answers: the one asked for, else by `versions.traffic`, else the newest ready one."""
        if version is not None:
            known = self.versions.get(version)
            if known is None:
                if not self.trouble:
                    raise ModelNotFound(self.name, version)
                raise self._unavailable(self.trouble)
            if known.ready and known.meta is not None:
                return known.meta
            raise self._unavailable(known.state.reason or f"version {version} is {known.state.state}")
        ready = {number: known.meta for number, known in self.versions.items() if known.ready and known.meta}
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
            return any(known.ready for known in self.versions.values())
        self.states(version)
        return self.versions[version].ready

    def answered(self, version: int) -> None:
        """Note that a version has just answered, so that nobody need ask it."""
        known = self.versions.get(version)
        if known is not None:
            known.answered = monotonic()

    def view(self, meta: ModelMeta) -> Model:
        """What formats may know."""
        return Model(self.name, self.spec, self.served.labels, meta)

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(f"model {self.name} cannot answer now: {why}", retry_after=RETRY_AFTER)


class Models:
    """All models by name."""

    def __init__(self, triton: Triton) -> None:
        self._triton = triton
        self._models: dict[str, LiveModel] = {}
        self._wake = asyncio.Event()
        self.triton_up = False

    def __iter__(self) -> Iterator[LiveModel]:
        return iter(self._models.values())

    def get(self, name: str) -> LiveModel:
        """The model of that name in URLs; raises ModelNotFound."""
        model = self._models.get(name)
        if model is None:
            raise ModelNotFound(name)
        return model

    def apply(self, served: Mapping[str, ServedModel]) -> None:
        """Take a new configuration. Requests in flight end as they began."""
        models: dict[str, LiveModel] = {}
        for each in served.values():
            name, limit = model_name(each.resource), each.resource.spec.limits.queue_length
            model = self._models.get(name)
            if model is None:
                model = LiveModel(each, Coalescer(self._triton.infer, limit=limit))
            elif model.served != each:
                model.served = each
                model.coalescer.limit = limit
                for version in model.versions.values():
                    version.read = -inf
            models[name] = model
        self._models = models
        self._wake.set()

    def look(self) -> None:
        """Ask Triton again at once: a request has just found it unwell."""
        self._wake.set()

    async def watch(self, on_look: Callable[[], None]) -> None:
        """Keep the models' states; `on_look` is called after every look. Runs until it is cancelled."""
        probes = asyncio.create_task(self._probe_forever())
        try:
            while True:
                self._wake.clear()
                await self.refresh()
                on_look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wake.wait()
                await asyncio.sleep(0.05)  # many requests that fail at once ask for one look, not for many
        finally:
            probes.cancel()

    async def refresh(self) -> None:
        """One look at Triton."""
        try:
            found = await self._triton.versions()
        except GatewayError as error:
            self._lost(error)
            return
        if not self.triton_up:
            log.info("Triton is up")
        self.triton_up = True
        for model in self:
            await self._update(model, found.get(model.name, ()))

    def _lost(self, error: GatewayError) -> None:
        if self.triton_up:
            log.warning("Triton is gone: %s", error.message)
        self.triton_up = False
        for model in self:
            model.versions = {}
            model.trouble = "Triton is starting or restarting"

    async def _update(self, model: LiveModel, states: tuple[VersionState, ...]) -> None:
        versions: dict[int, Version] = {}
        for state in states:
            old = model.versions.get(state.version, Version(state))
            version = versions[state.version] = Version(state, old.meta, old.read, old.answered, old.silent)
            if state.state != "READY":
                version.meta, version.silent = None, False
            elif version.meta is None or monotonic() - version.read > META_SECONDS:
                scalar_rows = model.spec.model.format != "TritonRepository"
                try:
                    version.meta = await self._triton.meta(model.name, state.version, scalar_rows=scalar_rows)
                    version.read = monotonic()
                except GatewayError as error:
                    log.info("model %s: its metadata cannot be read: %s", model.name, error.message)
        model.versions = versions
        model.trouble = "" if versions else "Triton does not have it"

    async def _probe_forever(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS / 2)
            await self.probe()

    async def probe(self) -> None:
        """Ask each version that has answered nobody for a while, all at once."""
        due = monotonic() - PROBE_SECONDS
        await asyncio.gather(
            *(
                self._probe(model, version)
                for model in self
                for version in model.versions.values()
                if version.state.state == "READY" and version.answered < due
            )
        )

    async def _probe(self, model: LiveModel, version: Version) -> None:
        """Ask for one inference of zeros. A model that refuses zeros answers too: only silence is a failure."""
        if version.meta is None:
            return
        silent = False
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await self._triton.infer(version.meta, zero_request(version.meta))
        except (Unavailable, DeadlineExceeded, TimeoutError):
            silent = True
        except GatewayError:
            pass
        number = version.state.version
        current = model.versions.get(number)
        if current is None:
            return
        if silent and not current.silent:
            log.warning("model %s, version %d does not answer though Triton calls it ready", model.name, number)
        current.silent = silent
        if not silent:
            current.answered = monotonic()
