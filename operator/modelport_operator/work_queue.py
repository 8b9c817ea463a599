"""Whose turn it is: each resource at most once in line, never twice at work, later again after a failure.

Who has waited longest since its last turn is the next one, and nobody has two turns within `SPACING`. So resources that
change all the time leave the others their turn, and several changes of one become one look at it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

NEVER = -float("inf")
"""The end of the last turn of who had none."""
FIRST_DELAY = 0.2
LONGEST_DELAY = 30.0
"""Seconds before a failed key is tried again: doubled at each failure, up to this."""
SPACING = 0.5
"""Seconds from the end of a key's turn to its next one, if it is asked for before. The first change after a quiet while
never waits."""


class WorkQueue(Generic[K]):
    """A queue of keys in one event loop; not for other threads.

    A key that is added while it is worked on comes again afterwards, since its work may have begun on what was true
    before; if that work has failed, with the next try. A key with a timer waits for the earliest of the moments that
    were set for it.
    """

    def __init__(self, spacing: float = SPACING) -> None:
        self._spacing = spacing
        self._line: asyncio.PriorityQueue[tuple[float, int, K]] = asyncio.PriorityQueue()
        """The end of each one's last turn, by the loop's clock, and a number that keeps the order among equals."""
        self._numbers = itertools.count()
        self._ended: dict[K, float] = {}
        self._waiting: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._again)

    def add(self, key: K) -> None:
        """Put a key in line, if it is not there yet, or a little later if it has just had its turn."""
        since = asyncio.get_running_loop().time() - self._ended.get(key, NEVER)
        if since < self._spacing and key not in self._working:
            self.add_later(key, self._spacing - since)
        else:
            self._enter(key)

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
        _, _, key = await self._line.get()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: K, *, failed: bool = False, retry_after: float | None = None) -> None:
        """End the work on a key; after a failure it comes again, each time later."""
        self._working.discard(key)
        self._ended[key] = asyncio.get_running_loop().time()
        asked = key in self._again
        self._again.discard(key)
        if failed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.add_later(key, max(retry_after or 0.0, delay(failures)))
            return
        self._failures.pop(key, None)
        if asked:
            self.add(key)

    def forget(self, key: K) -> None:
        """Drop what is remembered of a key that is gone."""
        self._failures.pop(key, None)
        self._ended.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _due(self, key: K) -> None:
        del self._timers[key]
        self._enter(key)

    def _enter(self, key: K) -> None:
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._line.put_nowait((self._ended.get(key, NEVER), next(self._numbers), key))


def delay(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 20))
