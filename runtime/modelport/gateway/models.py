"""All models that this gateway serves, kept current: Triton is asked again and again, and each model itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from time import monotonic

from modelport.api import ServedModel, model_name
from modelport.gateway.errors import (
    BadUpstream,
    DeadlineExceeded,
    GatewayError,
    ModelNotFound,
    ProcessDied,
    Unavailable,
)
from modelport.gateway.formats.base import VersionState
from modelport.gateway.live_model import LiveModel, Version
from modelport.gateway.outage import Outage
from modelport.gateway.partial_load import Rescue
from modelport.gateway.triton import Triton
from modelport.gateway.triton_protobuf import zero_request

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""Between two looks at Triton's repository; a look is one small call for all models."""
AWAIT_SECONDS = 0.2
"""The same while requests wait for Triton's return."""
GATHER_SECONDS = 0.05
"""Many requests that fail at once ask for one look, not for many."""
META_SECONDS = 10.0
"""A model's metadata is read again after this, for a Triton whose models someone else reloads."""
PROBE_SECONDS = 5.0
"""A version that answered nobody for so long is asked by the gateway itself."""
PROBE_TIMEOUT = 10.0
"""A probe that takes longer says that the model does not answer."""


class Models:
    """All models by name."""

    def __init__(self, triton: Triton, repository: Path | None = None) -> None:
        """Take Triton, and its model repository where it is the gateway's to load what can be (`partial_load.py`)."""
        self._triton = triton
        self._rescue = Rescue(triton, repository)
        self._models: dict[str, LiveModel] = {}
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._next_look: asyncio.Task[None] | None = None
        self.triton_up = False
        self.lost_at: float | None = None
        """When Triton, once reached, was last lost, in monotonic seconds; None while it answers or never did."""

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
            name = model_name(each.resource)
            model = self._models.get(name)
            if model is None:
                model = LiveModel(each, Outage(self._triton.infer, self.look))
            elif model.served != each:
                model.serve(each)
                for version in model.versions.values():
                    version.read = -inf
            models[name] = model
        self._models = models
        self._wake.set()

    async def look(self) -> None:
        """Return once Triton has been asked anew: a request has just found it unwell."""
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look_soon())
        await asyncio.shield(self._next_look)

    async def _look_soon(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        self._next_look = None  # who fails from here on may know more than this look finds
        await self.refresh()

    async def watch(self, on_look: Callable[[], None]) -> None:
        """Keep the models' states; `on_look` is called after every look. Runs until it is cancelled."""
        probes = asyncio.create_task(self._probe_forever())
        try:
            while True:
                self._wake.clear()
                await self.refresh()
                on_look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(AWAIT_SECONDS if self._awaiting else POLL_SECONDS):
                        await self._wake.wait()
        finally:
            probes.cancel()

    async def refresh(self) -> None:
        """One look at Triton."""
        async with self._looking:
            try:
                found = await self._triton.versions()
            except GatewayError as error:
                self._lost(error)
                return
            if not self.triton_up:
                log.info("Triton is up")
            self.triton_up, self.lost_at = True, None
            for model in self:
                states = found.get(model.name, ())
                await self._update(model, states)
                self._rescue.look(model.name, states)

    @property
    def _awaiting(self) -> bool:
        return any(model.outage.awaited for model in self)

    def _lost(self, error: GatewayError) -> None:
        if self.triton_up:
            log.warning("Triton is gone: %s", error.message)
            self.lost_at = monotonic()
        self.triton_up = False
        self._rescue.forget()
        for model in self:
            model.lost()

    async def _update(self, model: LiveModel, states: tuple[VersionState, ...]) -> None:
        versions: dict[int, Version] = {}
        for state in states:
            old = model.versions.get(state.version, Version(state))
            version = versions[state.version] = replace(old, state=state)
            if state.state != "READY":
                version.meta, version.silent, version.died = None, False, False
            elif version.meta is None or monotonic() - version.read > META_SECONDS:
                scalar_rows = model.spec.model.format != "TritonRepository"
                try:
                    version.meta = await self._triton.meta(model.name, state.version, scalar_rows=scalar_rows)
                    version.read = monotonic()
                except GatewayError as error:
                    log.info("model %s: its metadata cannot be read: %s", model.name, error.message)
        model.found(versions)

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
        """Ask for one inference of zeros. Refusing zeros is an answer too; silence is none, and neither is nonsense."""
        if version.meta is None:
            return
        late = silent = died = False
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await self._triton.infer(version.meta, zero_request(version.meta))
        except TimeoutError:
            late = True
        except (Unavailable, DeadlineExceeded, BadUpstream) as error:
            silent, died = True, isinstance(error, ProcessDied)
        except GatewayError:
            pass
        number = version.state.version
        current = model.versions.get(number)
        if current is None:
            return
        if late:
            # It may wait in Triton behind a request that takes long, as one of this model's may.
            at_work = model.coalescer.length > 0
            silent = not at_work or monotonic() - current.answered > model.spec.limits.timeout_seconds
        if silent and not current.silent:
            log.warning("model %s, version %d does not answer though Triton calls it ready", model.name, number)
            current.silent_since = monotonic()
        current.silent, current.died = silent, died
        if not (silent or late):
            current.answered = monotonic()
