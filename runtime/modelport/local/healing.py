"""Minds what Triton itself does not: a model that is READY and does not answer.

A Python backend's process that dies is never noticed by Triton: it goes on calling the model READY while every request
fails. Only a new Triton gets rid of such a process, so Triton is started again. The gateway is the one who knows
whether a model answers (`/readyz` on its metrics port).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil

from modelport.gateway.formats.base import VersionState
from modelport.gateway.live_model import STOPPED
from modelport.gateway.liveness import SLOW_SECONDS
from modelport.local.errors import LoadError
from modelport.local.process import Supervised
from modelport.local.triton import TritonModels

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Silence:
    """Since when each model has been READY without an answer; monotonic seconds."""

    since: dict[str, float] = field(default_factory=dict)

    def longest(self, silent: Iterable[str], limits: Mapping[str, float], now: float) -> str | None:
        """Take note of who is silent now; return one that has been for longer than its limit, if any."""
        self.since = {name: self.since.get(name, now) for name in silent}
        return next((name for name, since in self.since.items() if now - since > limits.get(name, SLOW_SECONDS)), None)


@dataclass(slots=True)
class Healer:
    """Looks once a second and starts Triton again where that is the only cure."""

    triton: Supervised
    models: TritonModels
    readyz: str
    """URL of the gateway's readiness."""
    limits: Callable[[], Mapping[str, float]]
    """How long each model may be silent, in seconds."""

    async def run(self) -> None:
        """Look for ever."""
        silence = Silence()
        dead: set[int] = set()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                now_dead = dead_children(self.triton.pid)
                if dead & now_dead:  # seen twice: Triton itself buries those that it ended on purpose
                    dead = set()
                    await self.triton.restart("a process of its Python backend died")
                    continue
                dead = now_dead
                silent = await self._silent(session)
                name = silence.longest(silent, self.limits(), time.monotonic())
                if name is not None:
                    silence = Silence()
                    await self.triton.restart(f"model {name} is loaded and has not answered for too long")

    async def _silent(self, session: aiohttp.ClientSession) -> list[str]:
        """The models that Triton calls READY and that do not answer."""
        try:
            async with session.get(self.readyz) as answer:
                readiness = await answer.json(content_type=None)
            states = await self.models.states()
        except (aiohttp.ClientError, TimeoutError, ValueError, LoadError):
            return []  # one of the two is not there: others mind that
        return find_silent(readiness, states)


def find_silent(readiness: Mapping[str, Any], states: Mapping[str, Iterable[VersionState]]) -> list[str]:
    """Compare what the gateway sees (`/readyz`) with what Triton says (state of each version of each model)."""
    return [
        name
        for name, model in readiness.get("models", {}).items()
        if not model.get("ready")
        and model.get("reason") != STOPPED.reason
        and any(each.state == "READY" for each in states.get(name, ()))
    ]


def dead_children(pid: int | None) -> set[int]:
    """Return the children of a process that have ended and that it has not buried."""
    if pid is None:
        return set()
    dead = set()
    try:
        for child in psutil.Process(pid).children():
            try:
                if child.status() == psutil.STATUS_ZOMBIE:
                    dead.add(child.pid)
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        return set()
    return dead
