"""Brings models from their manifests to Triton and to the gateway, and keeps both current as the manifests change.

    Manifest ─► repository.prepare ─► Triton loads it beside the old one ─► STATE/serving/models/NAME.json

A change takes effect in this order, so that the gateway never speaks of what Triton has not; where a step fails, what
was served before stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from modelport.api import PublishedModel, ServedModel
from modelport.api.serving import model_file
from modelport.errors import ModelportError
from modelport.gateway.partial_load import config_of, find_loadable
from modelport.local.display import Display
from modelport.local.errors import LoadError, ServeError, TritonDown
from modelport.local.manifests import Manifest
from modelport.local.schedules import runs_at
from modelport.local.sinks import refuse_unusable_sinks
from modelport.local.state import State, write_file
from modelport.local.threads import in_thread
from modelport.local.triton import TritonModels
from modelport.local.triton_install import cache_folder
from modelport.repository.cache import Cache
from modelport.repository.capabilities import WHEEL
from modelport.repository.prepare import prepare
from modelport.repository.publish import Published, restore, unpublish
from modelport.storage.credentials import read_credentials
from modelport.storage.errors import StorageError

log = logging.getLogger(__name__)

BACK_SECONDS: Final = 60.0
"""For a Triton that ends while it loads the first models."""


@dataclass(slots=True)
class Publisher:
    """The models that are served now. `triton` is None where another Triton is used, which has its own files."""

    state: State
    triton: TritonModels | None
    secrets: Path | None
    display: Display
    cache: Cache = field(default_factory=lambda: Cache(cache_folder() / "models"))
    served: dict[str, Manifest] = field(default_factory=dict)
    """By the model's name: what is in force."""
    stopped: set[str] = field(default_factory=set)
    """Those that Triton does not have, since their schedule is closed."""
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def prepare_all(self, manifests: Sequence[Manifest]) -> dict[str, Published]:
        """Fetch, check and lay out every model, several at once; raise ServeError with all that cannot be had."""
        if self.triton is None:
            return {}
        results = await asyncio.gather(*map(self._prepare_and_say, manifests), return_exceptions=True)
        prepared = {}
        problems = []
        for manifest, result in zip(manifests, results, strict=True):
            if isinstance(result, ModelportError):
                problems += [f"{manifest.name}: {line}" for line in str(result).splitlines()]
            elif isinstance(result, BaseException):
                raise result
            else:
                prepared[manifest.name] = result
        if problems:
            raise ServeError("\n".join(problems))
        return prepared

    async def publish_all(self, manifests: Sequence[Manifest], prepared: Mapping[str, Published]) -> None:
        """Load the models that were prepared, and tell the gateway of exactly these; raise ServeError if one fails."""
        self._forget_others(manifests)
        results = await asyncio.gather(*map(self._load_and_say, manifests), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, ModelportError):
                raise result
        if problems := [str(result) for result in results if result is not None]:
            raise ServeError("\n".join(problems))
        for manifest in manifests:
            self._record(manifest, prepared.get(manifest.name))

    async def update(self, manifests: Sequence[Manifest], touched: Iterable[str] = ()) -> None:
        """Serve these instead, changing only what differs; `touched` names models whose files may have.

        What fails is logged, and the model stays as it was.
        """
        async with self._changing:
            wanted = {manifest.name: manifest for manifest in manifests}
            for name in self.served.keys() - wanted.keys():
                await self._remove(self.served[name])
            stale = set(touched)
            for name, manifest in wanted.items():
                old = self.served.get(name)
                if old is not None and old.resource == manifest.resource and name not in stale:
                    continue
                prepared = None
                try:
                    refuse_unusable_sinks([manifest.resource], self.secrets)
                    prepared = await self._prepare(manifest) if self.triton else None
                    if old is not None and old.resource == manifest.resource and not (prepared and prepared.changed):
                        continue
                    with suppress(TritonDown):  # it loads the model when it is back
                        await self._load(manifest)
                    self._record(manifest, prepared)
                except (ModelportError, OSError) as error:
                    if prepared is not None and prepared.changed:
                        # What Triton serves on from memory must also be what it finds when it starts anew.
                        await in_thread(partial(restore, self.state.repository, name))
                    kept = "it is served as before" if old else "it is not served"
                    log.error("model %s: %s; %s", name, " ".join(str(error).split("\n")), kept, extra={"model": name})
                else:
                    log.info("model %s %s", name, "is updated" if old else "is served", extra={"model": name})

    async def load_again(self) -> None:
        """Load all models into a Triton that has just started, but for those whose schedule is closed."""
        async with self._changing:
            await asyncio.gather(*map(self._load_again, self.served.keys() - self.stopped))

    async def follow_schedules(self, now: datetime) -> None:
        """Unload the models whose schedule has closed, and load those whose schedule has opened."""
        async with self._changing:
            await asyncio.gather(*(self._follow_schedule(manifest, now) for manifest in self.served.values()))

    async def _follow_schedule(self, manifest: Manifest, now: datetime) -> None:
        name, runs = manifest.name, runs_at(manifest.resource, now)
        if runs == (name not in self.stopped):
            return
        log.info("model %s is %s by its schedule", name, "started" if runs else "stopped", extra={"model": name})
        if runs:
            self.stopped.discard(name)
            await self._load_again(name)
        else:
            self.stopped.add(name)
            await self._unload(name)

    async def _load_again(self, name: str) -> None:
        if self.triton is None:
            return
        try:
            await self._load_what_can_be(self.triton, name)
        except LoadError as error:
            log.error("model %s: Triton cannot load it: %s", name, error, extra={"model": name})

    async def _load_what_can_be(self, triton: TritonModels, name: str) -> None:
        """Have Triton load a model; where a version of it cannot be loaded, the others without it."""
        try:
            await triton.load(name)
        except TritonDown:
            raise
        except LoadError as error:
            versions = find_loadable(await triton.settled(name))
            if not versions:
                raise
            told = ", ".join(map(str, versions))
            log.error("model %s: %s; served without it: %s", name, error, told, extra={"model": name})
            await triton.load(name, config_of(self.state.repository, name, versions))

    async def _prepare_and_say(self, manifest: Manifest) -> Published:
        prepared = await self._prepare(manifest)
        versions = ", ".join(map(str, prepared.versions))
        self.display.say(f"  {manifest.name}: checked, version {versions}, {prepared.bytes / 1e6:.3g} MB")
        return prepared

    async def _load_and_say(self, manifest: Manifest) -> None:
        try:
            await self._load(manifest)
        except TritonDown:
            # It is started again by itself. Whoever ends it twice is told so.
            if self.triton is None or not await self._is_back(self.triton):
                raise
            await self._load(manifest)
        if self.triton is not None:
            state = "stopped by its schedule" if manifest.name in self.stopped else "loaded"
            self.display.say(f"  {manifest.name}: {state}")

    async def _is_back(self, triton: TritonModels) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(BACK_SECONDS):
                await triton.wait_live()
                return True
        return False

    async def _prepare(self, manifest: Manifest) -> Published:
        work = partial(
            prepare,
            manifest.resource,
            target=self.state.repository,
            cache=self.cache,
            capabilities=WHEEL,
            credentials=source_credentials(manifest.resource, self.secrets),
            progress=self.display.transferred,
        )
        return await in_thread(work)

    async def _load(self, manifest: Manifest) -> None:
        """Have Triton load the model, unless its schedule is closed.

        A model that an edit closes is unloaded by `follow_schedules`, when the gateway has been told of the edit.
        """
        if self.triton is None:
            return
        if not runs_at(manifest.resource, datetime.now(UTC)):
            if manifest.name not in self.served:
                self.stopped.add(manifest.name)
            return
        self.stopped.discard(manifest.name)
        try:
            await self._load_what_can_be(self.triton, manifest.name)
        except TritonDown:
            raise
        except LoadError as error:
            raise LoadError(f"{manifest.name}: Triton cannot load it: {error}") from error

    def _record(self, manifest: Manifest, prepared: Published | None) -> None:
        """Tell the gateway of a model, and keep it as the one in force."""
        served = ServedModel(
            resource=manifest.resource,
            digest=prepared.digest if prepared else "",
            labels=prepared.labels if prepared else manifest.resource.spec.io.labels,
        )
        write_file(model_file(self.state.serving, manifest.resource.metadata.name), served.dump_json())
        self.served[manifest.name] = manifest

    async def _remove(self, manifest: Manifest) -> None:
        del self.served[manifest.name]
        model_file(self.state.serving, manifest.resource.metadata.name).unlink(missing_ok=True)
        log.info("model %s is not served any more", manifest.name, extra={"model": manifest.name})
        if self.triton is not None:
            if manifest.name not in self.stopped:
                await self._unload(manifest.name)
            self.stopped.discard(manifest.name)
            await in_thread(partial(unpublish, self.state.repository, manifest.name))

    async def _unload(self, name: str) -> None:
        if self.triton is None:
            return
        try:
            await self.triton.unload(name)
        except LoadError as error:
            log.warning("model %s: %s", name, error, extra={"model": name})

    def _forget_others(self, manifests: Sequence[Manifest]) -> None:
        """Remove what an earlier run served and this one does not."""
        ours = {model_file(self.state.serving, manifest.resource.metadata.name) for manifest in manifests}
        for file in (self.state.serving / "models").glob("*.json"):
            if file not in ours:
                file.unlink()
        names = {manifest.name for manifest in manifests}
        for folder in self.state.repository.iterdir():
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in names:
                unpublish(self.state.repository, folder.name)


def source_credentials(resource: PublishedModel, secrets: Path | None) -> dict[str, str]:
    """Return what opens the model's source: the Secret that it names, else what the environment has."""
    ref = resource.spec.model.source.secret_ref
    try:
        return read_credentials(ref.name if ref is not None else None, secrets)
    except StorageError as error:
        raise ServeError(f"{resource.metadata.name}: spec.model.source.secretRef: {error}") from error
