"""At most one holder at any moment, by each contender's own clock, whatever the API server does."""

from __future__ import annotations

import asyncio
import logging
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from modelport_operator.api_server import ApiError
from modelport_operator.lease import Lease


class FakeApiServer:
    """Holds one Lease, and refuses a write that was made from an older version of it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.trouble: Exception | None = None
        self.server = SimpleNamespace(call=self.call)

    async def read(self, *_: object) -> dict[str, Any] | None:
        self.fail()
        return deepcopy(self.lease)

    async def create(self, lease: dict[str, Any]) -> None:
        self.fail()
        if self.lease is not None:
            raise ApiError("there is one", 409, "AlreadyExists")
        self.lease = deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = "1"

    async def call(self, method: str, path: str, body: dict[str, Any]) -> None:
        self.fail()
        assert (method, path) == ("PUT", "/apis/coordination.k8s.io/v1/namespaces/modelport/leases/modelport-operator")
        assert self.lease is not None
        version = self.lease["metadata"]["resourceVersion"]
        if body["metadata"]["resourceVersion"] != version:
            raise ApiError("it has changed", 409, "Conflict")
        self.lease = deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(int(version) + 1)

    def fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    @property
    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def api() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
def time() -> Clock:
    return Clock()


def contender(api: Any, time: Clock, identity: str, seconds: float = 15.0) -> Lease:
    return Lease(api, "modelport", identity, seconds, time)


async def test_the_first_one_makes_it_and_works_for_two_thirds_of_its_duration(api: FakeApiServer, time: Clock) -> None:
    first = contender(api, time, "a")
    assert not first.holds()
    assert await first.try_once()
    assert api.holder == "a"
    time.now += 9.9
    assert first.holds()
    time.now += 0.2
    assert not first.holds()


async def test_another_one_waits_for_the_whole_duration_since_it_saw_a_change(api: FakeApiServer, time: Clock) -> None:
    first, second = contender(api, time, "a"), contender(api, time, "b")
    await first.try_once()
    assert not await second.try_once()
    time.now += 14
    assert await first.try_once()
    time.now += 14
    assert not await second.try_once()  # it sees the renewal of 14 seconds ago for the first time
    time.now += 15
    assert not await second.try_once()
    time.now += 0.1
    assert await second.try_once()
    assert api.holder == "b"
    assert api.lease is not None
    assert api.lease["spec"]["leaseTransitions"] == 1


async def test_nobody_holds_it_when_the_next_one_takes_it(api: FakeApiServer, time: Clock) -> None:
    first, second = contender(api, time, "a"), contender(api, time, "b")
    await first.try_once()
    while not await second.try_once():
        assert not second.holds()
        time.now += 1
    assert second.holds()
    assert not first.holds()
    assert not await first.try_once()
    assert api.holder == "b"


async def test_one_that_was_asleep_for_longer_than_it_holds_may_not_work(api: FakeApiServer, time: Clock) -> None:
    first = contender(api, time, "a")
    await first.try_once()
    time.now += 60
    assert not first.holds()


async def test_a_renewal_counts_from_before_it_was_sent(api: FakeApiServer, time: Clock) -> None:
    first = contender(api, time, "a")
    await first.try_once()
    call = api.call

    async def slow(*arguments: Any) -> None:
        time.now += 4
        await call(*arguments)

    api.server.call = slow
    assert await first.try_once()
    time.now += 6.1
    assert not first.holds()


async def test_a_renewal_is_given_up_when_the_lease_is_not_surely_ours_any_more(
    api: FakeApiServer, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []
    timeout = asyncio.timeout

    def noted(delay: float | None) -> asyncio.Timeout:
        limits.append(delay)
        return timeout(delay)

    monkeypatch.setattr(asyncio, "timeout", noted)
    first = contender(api, time, "a")
    await first.try_once()
    api.trouble = TimeoutError()
    for time.now in (1001.0, 1008.0, 1011.0):
        await first.try_once()
    assert limits == [5, 5, 2, 5]


async def test_a_released_one_is_taken_at_once(api: FakeApiServer, time: Clock) -> None:
    first, second = contender(api, time, "a"), contender(api, time, "b")
    await first.try_once()
    assert not await second.try_once()
    await first.release()
    assert not first.holds()
    assert await second.try_once()


async def test_nobody_releases_what_another_one_holds(api: FakeApiServer, time: Clock) -> None:
    first, second = contender(api, time, "a"), contender(api, time, "b")
    await first.try_once()
    await second.release()
    assert api.holder == "a"


async def test_of_two_that_take_it_at_once_one_is_refused(api: FakeApiServer, time: Clock) -> None:
    first, second = contender(api, time, "a"), contender(api, time, "b")
    taken = await asyncio.gather(first.try_once(), second.try_once())
    assert sorted(taken) == [False, True]
    await (first if taken[0] else second).release()
    taken = await asyncio.gather(first.try_once(), second.try_once())
    assert sorted(taken) == [False, True]


TROUBLE = {
    "the API server is away": ApiError("the API server does not answer: refused"),
    "the API server refuses": ApiError("leases is forbidden", 403, "Forbidden"),
    "the API server hangs": TimeoutError(),
}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE.keys())
async def test_a_renewal_that_fails_leaves_the_rest_of_the_time(
    api: FakeApiServer, time: Clock, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    first = contender(api, time, "a")
    await first.try_once()
    api.trouble = trouble
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="modelport_operator.lease"):
        time.now += 5
        assert not await first.try_once()
        assert not await first.try_once()
        assert first.holds()
        time.now += 5
        assert not first.holds()
        await first.release()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "Lease modelport/modelport-operator",
        "the Lease could not be given up, and ends by itself",
    ]


@pytest.fixture
def passing(time: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a clock that goes on by what is slept, at once."""

    async def sleep(seconds: float) -> None:
        time.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return time


async def test_keeping_it_ends_two_thirds_after_the_last_renewal(api: FakeApiServer, passing: Clock) -> None:
    first = contender(api, passing, "a")
    await first.acquire()
    call = api.call

    async def twice(*arguments: Any) -> None:
        await call(*arguments)
        if api.lease is not None and api.lease["metadata"]["resourceVersion"] == "3":
            api.trouble = ApiError("away")

    api.server.call = twice
    await first.keep()
    assert passing.now == 1000 + 2 + 2 + 10
    assert not first.holds()


async def test_keeping_it_ends_at_once_when_another_one_holds_it(api: FakeApiServer, passing: Clock) -> None:
    first = contender(api, passing, "a")
    await first.acquire()
    assert api.lease is not None
    api.lease["spec"]["holderIdentity"] = "b"
    await first.keep()
    assert passing.now == 1002
    assert not first.holds()
