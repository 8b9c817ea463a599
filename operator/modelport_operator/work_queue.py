"""Whose turn it is: each resource at most once in line, never twice at work, later again after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0
"""Seconds before a failed key is tried again: doubled at each failure, up to this."""


class WorkQueue(Generic[K]):
    """A queue of keys in one event loop; not for other threads.

    A key that is added while it is worked on comes again afterwards, since its work may have begun on what was true
    before. A key with a timer waits for the earliest of the moments that were set for it.
    """

    def __init__(self) -> None:
        self._line: asyncio.Queue[K] = asyncio.Queue()
        self._waiting: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    def add(self, key: K) -> None:
        """Put a key in line, if it is not there yet."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._line.put_nowait(key)

    def add_later(self, key: K, seconds: float) -> None:
        """Put a key in line after a time, unless an earlier moment is set for it already."""
        loop = asyncio.get_running_loop()
        known = self._timers.get(key)
        if known is not None:
            if known.when() <= loop.time() + seconds:
                return
            known.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    async def take(self) -> K:
        """Wait for a key whose turn it is; `done` gives it back."""
        key = await self._line.get()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: K, *, failed: bool = False, retry_after: float | None = None) -> None:
        """End the work on a key; after a failure it comes again, each time later."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        if failed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.add_later(key, max(retry_after or 0.0, delay(failures)))
        else:
            self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """Drop what is remembered of a key that is gone."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _due(self, key: K) -> None:
        del self._timers[key]
        self.add(key)


def delay(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 20))
