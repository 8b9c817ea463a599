"""A version that cannot be loaded takes all others of its model down: the others are loaded again without it.

    Triton loads versions 3 and 4 ─► 4 fails, Triton unloads 3 ─► the gateway has it load 3 alone, under the same files

The version that failed stays in Triton's index with the reason, which readiness tells. In a Pod the gateway does this;
on one machine `modelport serve`, which loads the models, does it itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from modelport.errors import ModelportError
from modelport.gateway.errors import GatewayError
from modelport.gateway.formats.base import VersionState
from modelport.gateway.triton import Triton
from modelport.repository.layout import CONFIG
from modelport.repository.triton_config import parse_config, with_versions

log = logging.getLogger(__name__)

UNLOADED = "unloaded"
"""Triton's reason for a version that was taken down in order."""


def find_loadable(states: Iterable[VersionState]) -> tuple[int, ...]:
    """Return the versions that are down for another's failure alone; none while any is up or on its way."""
    versions = [each for each in states if each.version]
    if any(each.state != "UNAVAILABLE" for each in versions):
        return ()
    taken_down = tuple(each.version for each in versions if each.reason == UNLOADED)
    failed = any(each.reason not in ("", UNLOADED) for each in versions)
    return taken_down if failed else ()


def config_of(repository: Path, name: str, versions: Iterable[int]) -> str:
    """Return a published model's configuration with these versions alone, as Triton's load takes it.

    Raises OSError or InvalidModel where it cannot be read.
    """
    file = repository / name / CONFIG
    return with_versions(parse_config(file.read_text("utf-8"), str(file)), versions)


class Rescue:
    """Loads what can be loaded, each set of versions once for as long as Triton runs."""

    def __init__(self, triton: Triton, repository: Path | None) -> None:
        """Take Triton's model repository; None where others load the models, and nothing is done."""
        self._triton = triton
        self._repository = repository
        self._tried: dict[str, tuple[int, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def look(self, name: str, states: Iterable[VersionState]) -> None:
        """Begin to load the versions of a model that can be, if that is called for; waits for nothing."""
        if self._repository is None:
            return
        versions = find_loadable(states)
        if versions and self._tried.get(name) != versions:
            self._tried[name] = versions
            task = asyncio.create_task(self._load(self._repository, name, versions))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def forget(self) -> None:
        """Begin anew with a Triton that has."""
        self._tried.clear()

    async def _load(self, repository: Path, name: str, versions: tuple[int, ...]) -> None:
        told = ", ".join(map(str, versions))
        log.warning("model %s: a version cannot be loaded; loading the others without it: %s", name, told)
        try:
            await self._triton.load(name, config_of(repository, name, versions))
        except (GatewayError, ModelportError, OSError) as error:
            log.error("model %s: versions %s cannot be loaded without the others: %s", name, told, error)
