"""The rules of type Serverless: what is counted, what is free, when a month's quota is used up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelport.api import PublishedModel, parse_manifest
from modelport.gateway import serverless as module
from modelport.gateway.errors import DeadlineExceeded, QuotaUsedUp
from modelport.gateway.ledger import Entry, Ledger
from modelport.gateway.serverless import Usage, execution_limit

NOVEMBER = datetime(2026, 11, 22, tzinfo=UTC)


def resource(kind: str = "Serverless", **serverless: Any) -> PublishedModel:
    execution = {"type": kind, **({"serverless": serverless} if serverless else {})}
    spec = {"model": {"format": "ONNX", "source": {"uri": "file:m"}, "name": "shown"}, "execution": execution}
    head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "m"}}
    return parse_manifest({**head, "spec": spec}, where="test")


class Clock:
    def __init__(self) -> None:
        self.now = NOVEMBER

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def answer(usage: Usage, model: PublishedModel, *, answered: bool = True) -> bool:
    with usage.request(model) as metered:
        metered.answered = answered
    return metered.billable


def test_each_answer_of_a_dedicated_model_is_billable_and_none_is_counted(tmp_path: Path) -> None:
    usage = Usage(Ledger(tmp_path))
    assert answer(usage, resource("Dedicated"))
    assert not answer(usage, resource("Dedicated"), answered=False)
    assert list(tmp_path.iterdir()) == []


def test_the_first_five_hundred_answers_are_free_for_ever(clock: Clock) -> None:
    ledger = Ledger(None)
    ledger.update("m", lambda _: Entry("2026-11", 498, 498))
    usage = Usage(ledger, clock=clock)

    billed = [answer(usage, resource(), answered=answered) for answered in (True, False, True, True)]
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    assert [*billed, answer(usage, resource())] == [False, False, False, True, True]


def test_a_quota_used_up_says_when_the_next_one_begins(clock: Clock) -> None:
    usage = Usage(Ledger(None), clock=clock)
    model = resource(requestQuota=2)
    for answered in (True, False, False, True):
        answer(usage, model, answered=answered)

    with pytest.raises(QuotaUsedUp) as refused:
        answer(usage, model)
    assert refused.value.message == (
        "model shown: the 2 requests of 2026-11 are used up (spec.execution.serverless.requestQuota); "
        "the next month begins at 2026-12-01T00:00:00Z"
    )
    assert (refused.value.status, refused.value.retry_after) == (429, None)


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2027-01-01T00:00:00Z"),
        (datetime(2027, 1, 31, tzinfo=UTC), "2027-02-01"),
    ],
)
def test_after_december_comes_january(clock: Clock, now: datetime, begins: str) -> None:
    clock.now = now
    usage = Usage(Ledger(None), clock=clock)
    answer(usage, resource(requestQuota=1))
    with pytest.raises(QuotaUsedUp, match=begins):
        answer(usage, resource(requestQuota=1))


def test_a_new_month_has_a_new_quota(clock: Clock) -> None:
    usage = Usage(Ledger(None), clock=clock)
    model = resource(requestQuota=1)
    clock.now = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    answer(usage, model)
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    answer(usage, model)
    with pytest.raises(QuotaUsedUp):
        answer(usage, model)
    assert usage.read(model) == Entry("2026-12", 1, 2, (0,))


def test_an_answer_counts_for_the_month_in_which_it_ends(clock: Clock) -> None:
    usage = Usage(Ledger(None), clock=clock)
    with usage.request(resource()) as metered:
        clock.now = datetime(2026, 12, 1, tzinfo=UTC)
        metered.answered = True
    assert usage.read(resource()) == Entry("2026-12", 1, 1, (0,))


def test_what_is_in_flight_holds_its_place_in_all_workers(tmp_path: Path) -> None:
    model = resource(requestQuota=3)
    workers = [Usage(Ledger(tmp_path), worker=index, workers=2) for index in (0, 1)]
    with workers[0].request(model), workers[1].request(model), workers[0].request(model):
        for usage in workers:
            with pytest.raises(QuotaUsedUp):
                answer(usage, model)
    assert [answer(usage, model) for usage in workers] == [False, False], "what was not answered gave its place back"


def test_a_raised_quota_lets_requests_in_at_once(tmp_path: Path) -> None:
    usage = Usage(Ledger(tmp_path))
    answer(usage, resource(requestQuota=1))
    answer(usage, resource(requestQuota=2))
    assert usage.read(resource()) is not None


def test_a_worker_that_was_killed_leaves_no_place_taken(tmp_path: Path) -> None:
    model = resource(requestQuota=2)
    killed = Usage(Ledger(tmp_path)).request(model)
    killed.__enter__()
    Usage(Ledger(tmp_path)).request(model).__enter__()
    again = Usage(Ledger(tmp_path))
    answer(again, model)
    answer(again, model)
    with pytest.raises(QuotaUsedUp):
        answer(again, model)


def test_an_account_that_cannot_be_kept_fails_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[int] = []
    usage = Usage(Ledger(tmp_path), on_failure=lambda: failures.append(1))
    model = resource(requestQuota=1)
    (tmp_path / "m.json").mkdir()
    assert [answer(usage, model) for _ in range(2)] == [False, False]
    assert usage.read(model) is None
    assert len(failures) == 5
    assert len([record for record in caplog.records if "requests go uncounted" in record.message]) == 1

    (tmp_path / "m.json").rmdir()
    answer(usage, model)
    with pytest.raises(QuotaUsedUp):
        answer(usage, model)


def test_a_disk_that_does_not_keep_is_told(tmp_path: Path) -> None:
    failures: list[int] = []
    usage = Usage(Ledger(tmp_path), on_failure=lambda: failures.append(1))
    answer(usage, resource())
    (tmp_path / "m.json").unlink()
    usage.sync()
    assert failures == [1]


async def test_the_accounts_are_kept_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SYNC_SECONDS", 0)
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    ledger = Ledger(tmp_path)
    monkeypatch.setattr(ledger, "sync", lambda: loop.call_soon_threadsafe(synced.set))
    task = asyncio.create_task(Usage(ledger).sync_forever())
    await asyncio.wait_for(synced.wait(), 5)
    task.cancel()


async def test_an_execution_beyond_its_time_is_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    model = resource(timeoutSeconds=7)
    monkeypatch.setattr(module.asyncio, "timeout", lambda _, at_once=asyncio.timeout: at_once(0))
    with pytest.raises(DeadlineExceeded, match=r"longer than 7 s \(spec\.execution\.serverless\.timeoutSeconds\)"):
        async with execution_limit(model.spec):
            await asyncio.Event().wait()


@pytest.mark.parametrize(("kind", "seconds"), [("Serverless", 30), ("Dedicated", None)])
async def test_the_time_is_the_documents_and_only_for_serverless(
    monkeypatch: pytest.MonkeyPatch, kind: str, seconds: int | None
) -> None:
    asked: list[int | None] = []
    real = asyncio.timeout
    monkeypatch.setattr(module.asyncio, "timeout", lambda delay: (asked.append(delay), real(delay))[1])
    async with execution_limit(resource(kind).spec):
        pass
    assert asked == [seconds]


async def test_another_timeout_inside_stays_what_it_was() -> None:
    with pytest.raises(TimeoutError, match="inner"):
        async with execution_limit(resource().spec):
            raise TimeoutError("inner")
