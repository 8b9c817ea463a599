"""The rules of type Serverless that the gateway keeps: requests are counted, the first are free, a month has a quota.

Counted are inferences that were answered with success, by whichever API: the account is the model's. What is in flight
holds its place in the quota until it has ended, so that no number of callers at once gets beyond it. An account that
cannot be read or written is told in the log and counted in a metric, and the request goes on, uncounted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from modelport.api import PublishedModel, PublishedModelSpec, model_name
from modelport.api.serverless import FREE_REQUESTS, serverless_of
from modelport.gateway.errors import DeadlineExceeded, QuotaUsedUp
from modelport.gateway.ledger import Entry, Ledger

log = logging.getLogger(__name__)

SYNC_SECONDS = 1.0
"""What a loss of power may cost of the accounts."""


class Metered:
    """One request, as its account sees it."""

    __slots__ = ("_resource", "_usage", "answered", "billable")

    def __init__(self, usage: Usage, resource: PublishedModel) -> None:
        """Made by `Usage.request` alone."""
        self._usage = usage
        self._resource = resource
        self.answered = False
        """To be set once the answer is there."""
        self.billable = False
        """Whether it is paid for, known at its end."""

    def __enter__(self) -> Metered:
        serverless = serverless_of(self._resource.spec)
        if serverless is not None:
            name = self._resource.metadata.name
            self._usage.begin(name, model_name(self._resource), serverless.request_quota)
        return self

    def __exit__(self, *_: object) -> None:
        if serverless_of(self._resource.spec) is None:
            self.billable = self.answered
        else:
            self.billable = self._usage.end(self._resource.metadata.name, self.answered)


class Usage:
    """The accounts of the Serverless models in one worker process."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        worker: int = 0,
        workers: int = 1,
        on_failure: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Count into `ledger` as worker number `worker` of `workers`; `on_failure` is called when that cannot be."""
        self._ledger = ledger
        self._worker, self._workers = worker, workers
        self._on_failure = on_failure
        self._clock = clock
        self._in_flight: Counter[str] = Counter()
        self._told: dict[str, str] = {}
        """The last failure of each account, so that it is logged once."""

    def request(self, resource: PublishedModel) -> Metered:
        """Meter one inference, in a `with` block.

        The caller sets `answered` before it leaves the block, and reads `billable` after. A Dedicated model has no
        account: each of its answers is billable.

        Raises:
            QuotaUsedUp: on entering, where the month's quota is used up.
        """
        return Metered(self, resource)

    def read(self, resource: PublishedModel) -> Entry | None:
        """Return a model's account as it is this month; None where it cannot be had."""
        name = resource.metadata.name
        try:
            return self._ledger.read(name).at(_month(self._clock()))
        except OSError as error:
            self._tell(name, error)
            return None

    async def sync_forever(self) -> None:
        """Have the disk keep the accounts, again and again. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await asyncio.to_thread(self.sync)

    def sync(self) -> None:
        """Have the disk keep the accounts as they are now."""
        try:
            self._ledger.sync()
        except OSError as error:
            self._tell("", error)

    def begin(self, name: str, shown: str, quota: int | None) -> None:
        """Enter a request; raise QuotaUsedUp."""
        now = self._clock()
        self._in_flight[name] += 1

        def begun(entry: Entry) -> Entry:
            entry = self._known(entry.at(_month(now)), name)
            if quota is not None and entry.taken > quota:
                raise QuotaUsedUp(
                    f"model {shown}: the {quota} requests of {_month(now)} are used up "
                    f"(spec.execution.serverless.requestQuota); the next month begins at {_next_month(now)}"
                )
            return entry

        try:
            self._update(name, begun)
        except QuotaUsedUp:
            self._in_flight[name] -= 1
            raise

    def end(self, name: str, answered: bool) -> bool:
        """Note that a request has ended; return whether its answer is billable."""
        self._in_flight[name] -= 1

        def ended(entry: Entry) -> Entry:
            entry = self._known(entry.at(_month(self._clock())), name)
            return entry.with_answer() if answered else entry

        entry = self._update(name, ended)
        return answered and entry is not None and entry.ever > FREE_REQUESTS

    def _known(self, entry: Entry, name: str) -> Entry:
        """The account with what this worker has in flight, whatever an earlier life of it left there."""
        return entry.with_in_flight(self._worker, self._workers, self._in_flight[name])

    def _update(self, name: str, change: Callable[[Entry], Entry]) -> Entry | None:
        try:
            entry = self._ledger.update(name, change)
        except OSError as error:
            self._tell(name, error)
            return None
        if self._told.pop(name, None) is not None:
            log.info("the use of model %s is counted again", name)
        return entry

    def _tell(self, name: str, error: OSError) -> None:
        self._on_failure()
        problem = str(error)
        if self._told.get(name) != problem:
            self._told[name] = problem
            whose = f"model {name}" if name else "Serverless models"
            log.error("the use of %s cannot be kept, and requests go uncounted: %s", whose, problem)


@asynccontextmanager
async def execution_limit(spec: PublishedModelSpec) -> AsyncIterator[None]:
    """Bound the execution of a Serverless model's request by `timeoutSeconds`; raise DeadlineExceeded beyond it.

    The execution begins once the body is there and a version answers: neither upload nor start is counted in it.
    """
    serverless = serverless_of(spec)
    limit = asyncio.timeout(serverless.timeout_seconds if serverless else None)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if serverless is None or not limit.expired():
            raise
        raise DeadlineExceeded(
            f"the execution took longer than {serverless.timeout_seconds} s (spec.execution.serverless.timeoutSeconds)"
        ) from error


def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _next_month(now: datetime) -> str:
    year, month = divmod(now.year * 12 + now.month, 12)
    return f"{year:04}-{month + 1:02}-01T00:00:00Z"
