"""A Triton that has died is started again within seconds, and until then its requests wait.

    Triton dies ─► what was with it, and what comes now, waits in the queue ─► the version answers again ─► all is sent

The queue is the coalescer's, with its bound, and each request keeps its own limit of time. HOLD_SECONDS after the loss
those who still wait are told 503, and so is, at once, who comes later. A request is sent twice at most, since it may be
what Triton dies of; one for a sequence model once, since what it goes on from died with Triton.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from time import monotonic

from modelport.gateway.coalesce import Infer
from modelport.gateway.errors import RETRY_AFTER, Unavailable
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta

HOLD_SECONDS = 20.0
"""Three times what a small model's Triton takes to start again, and well below the 30 s after which clients give up."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    meta: ModelMeta
    back: asyncio.Event = field(default_factory=asyncio.Event)


class Outage:
    """The way to Triton for one model, across Triton's death."""

    def __init__(self, ask: Infer, look: Callable[[], Awaitable[None]]) -> None:
        """`ask` is one call to Triton; `look` finds out how Triton is, and has `begin` called if it is gone."""
        self._ask = ask
        self._look = look
        self._awaited: dict[int, _Awaited] = {}
        self._until = -inf
        """In monotonic seconds."""
        self._losses = 0

    def begin(self, metas: Iterable[ModelMeta]) -> None:
        """Triton is gone; `metas` are the versions that answered until now."""
        lost = {meta.version: _Awaited(meta) for meta in metas if not meta.sequence}
        if lost:
            self._losses += 1
            self._awaited |= lost
            self._until = monotonic() + HOLD_SECONDS

    def end(self, versions: Iterable[int]) -> None:
        """These versions answer."""
        for version in self._awaited.keys() & set(versions):
            self._awaited.pop(version).back.set()

    @property
    def awaited(self) -> dict[int, ModelMeta]:
        """The versions, by number, that are worth waiting for now."""
        if monotonic() >= self._until:
            return {}
        return {version: awaited.meta for version, awaited in self._awaited.items()}

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        """Have Triton answer, as `Triton.infer` does; raises Unavailable once the wait has been too long."""
        again = not meta.sequence
        while True:
            await self._returned(meta.version)
            losses = self._losses
            try:
                return await self._ask(meta, request, trace)
            except Unavailable:
                await self._look()
                if not again or losses == self._losses:  # a Triton that is there meant what it said
                    raise
                again = False

    async def _returned(self, version: int) -> None:
        awaited = self._awaited.get(version)
        if awaited is None:
            return
        try:
            async with asyncio.timeout(self._until - monotonic()):
                await awaited.back.wait()
        except TimeoutError as error:
            raise Unavailable(f"Triton has not come back within {HOLD_SECONDS:g} s", retry_after=RETRY_AFTER) from error
