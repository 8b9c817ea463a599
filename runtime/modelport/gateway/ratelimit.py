"""How often a key may ask: a token bucket for each model and key.

Called between the key's check and the body's decoding. The clock is the caller's (`time.monotonic`), so that a test, or
a machine whose wall clock jumps, changes nothing.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from modelport.gateway.errors import RateLimited

MAX_BUCKETS = 100_000
"""Buckets kept at once: some 20 MB. Names of keys come from the configuration, so only a very large one comes near."""

ONE = 1 - 1e-6
"""A request's worth of tokens. Ten times a tenth is not quite one in floats, and nobody should wait for the rest."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one key may do on one model, over all processes of this gateway."""

    per_second: float
    burst: float | None = None
    """Requests that may come at once after a pause, at least 1; None for those of one second."""

    @property
    def capacity(self) -> float:
        """What a full bucket holds."""
        return max(1.0, self.per_second if self.burst is None else self.burst)

    def shared_by(self, workers: int) -> Rate:
        """The part of one of `workers` processes among which the kernel spreads the connections."""
        return Rate(self.per_second / workers, self.capacity / workers)


@dataclass(slots=True)
class Bucket:
    """Requests that may still come, as of `at`."""

    tokens: float
    at: float

    def settle(self, rate: Rate, now: float) -> None:
        """Add what has flowed in since `at`."""
        self.tokens = min(rate.capacity, self.tokens + max(0.0, now - self.at) * rate.per_second)
        self.at = now


class RateLimiter:
    """The buckets of one worker process. A full bucket is the same as none and is forgotten."""

    def __init__(self, rates: Mapping[str, Rate], *, workers: int = 1, max_buckets: int = MAX_BUCKETS) -> None:
        """Take the limited models' rates by model name, and the number of processes that share them."""
        self._workers = workers
        self._max_buckets = max_buckets
        self._rates = self._shared(rates)
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()
        """The longest untouched first."""

    def __len__(self) -> int:
        """Buckets that are held now."""
        return len(self._buckets)

    def check(self, model: str, key: str, now: float) -> None:
        """Take one request out of the bucket of `key` (its name; "" for all anonymous callers together).

        `now` is in seconds of a clock that never goes back. Raises RateLimited with the seconds to wait.
        """
        rate = self._rates.get(model)
        if rate is None:
            return
        bucket = self._buckets.pop((model, key), None) or Bucket(rate.capacity, now)
        bucket.settle(rate, now)
        self._forget_one(now)
        self._buckets[model, key] = bucket
        if bucket.tokens < ONE:
            wait = max(1, math.ceil((ONE - bucket.tokens) / rate.per_second))
            whole = rate.per_second * self._workers
            raise RateLimited(f"the rate limit of {whole:g} requests per second is used up", retry_after=wait)
        bucket.tokens -= 1

    def update(self, rates: Mapping[str, Rate], now: float) -> None:
        """Put other rates in force. What a key had left stays, up to the new burst."""
        for (model, _), bucket in self._buckets.items():
            bucket.settle(self._rates[model], now)
        self._rates = self._shared(rates)
        for model, key in list(self._buckets):
            if model in self._rates:
                self._buckets[model, key].settle(self._rates[model], now)
            else:
                del self._buckets[model, key]

    def _shared(self, rates: Mapping[str, Rate]) -> dict[str, Rate]:
        return {model: rate.shared_by(self._workers) for model, rate in rates.items()}

    def _forget_one(self, now: float) -> None:
        """Drop the longest untouched bucket if it is full again or one too many: one look a check, never a sweep."""
        for (model, key), oldest in self._buckets.items():
            oldest.settle(self._rates[model], now)
            if oldest.tokens >= self._rates[model].capacity or len(self._buckets) >= self._max_buckets:
                del self._buckets[model, key]
            return
