"""The closed loop counts every request exactly once, and tells failures apart."""

import asyncio

import pytest

from modelport.loadtest.client import Plan, Request, drive
from modelport.loadtest.tally import Failure


def plan(url: str, *, requests=None, seconds=None, concurrency=4, timeout=5.0, method="GET", body=b"") -> Plan:
    return Plan(Request(method, url, {}, body, timeout), concurrency, requests, seconds)


async def load(plan: Plan, **options):
    return await drive(plan, asyncio.Event(), **options)


@pytest.mark.parametrize("concurrency", [1, 3, 64])
async def test_as_many_requests_as_asked_for(server, concurrency):
    tally = await load(plan(f"{server.base}/ok", requests=50, concurrency=concurrency, method="POST", body=b"abc"))
    assert server.seen == {"/ok": 50}
    assert set(server.bodies) == {b"abc"}
    assert (tally.successful, tally.failed, tally.total) == (50, 0, 50)
    assert (tally.bytes_sent, tally.bytes_received) == (150, 250)
    assert tally.latencies.cells.total() == 50
    assert 0 < tally.latencies.percentile(50) <= tally.latencies.percentile(100) <= tally.elapsed


async def test_failed_replies_are_counted_by_status_and_words_and_have_no_latency(server):
    tally = await load(plan(f"{server.base}/every-third-fails", requests=30))
    assert tally.successful == 20
    assert tally.failures == {Failure("503 Service Unavailable", "queue full"): 10}
    assert tally.latencies.cells.total() == 20


async def test_a_redirect_is_a_failure_and_is_not_followed(server):
    tally = await load(plan(f"{server.base}/moved", requests=2))
    assert [failure.kind for failure in tally.failures] == ["302 Found"]
    assert server.seen == {"/moved": 2}


async def test_slow_replies_are_timeouts(server):
    tally = await load(plan(f"{server.base}/never", requests=4, timeout=0.05))
    assert tally.failures == {Failure("Timeout", "no answer within 0.05 s"): 4}


async def test_a_connection_that_breaks_is_a_failure_of_its_class(server):
    tally = await load(plan(f"{server.base}/reset", requests=4, method="POST", body=b"x"))
    assert tally.successful == 0
    assert tally.failed == server.seen["/reset"] == 4
    assert {failure.kind for failure in tally.failures} <= {"ServerDisconnectedError", "ClientOSError"}


async def test_nobody_listens(closed_base):
    tally = await load(plan(f"{closed_base}/ok", requests=2))
    assert [failure.kind for failure in tally.failures] == ["ClientConnectorError"]
    assert tally.failed == 2


async def test_a_run_by_time_ends_and_counts_what_the_server_saw(server):
    tally = await load(plan(f"{server.base}/ok", seconds=0.1))
    assert tally.total == server.seen["/ok"] > 0
    assert tally.elapsed >= 0.1


async def test_a_stopped_run_has_its_results_so_far_and_drops_what_is_under_way(server):
    stop = asyncio.Event()

    def stop_after_the_first(done: int, failed: int) -> None:
        if done:
            stop.set()

    tally = await drive(plan(f"{server.base}/ok", seconds=60), stop, stop_after_the_first)
    assert 0 < tally.total <= server.seen["/ok"]
    assert tally.failed == 0


async def test_progress_ends_with_the_final_counts(server):
    told = []
    await load(plan(f"{server.base}/every-third-fails", requests=30), on_progress=lambda *counts: told.append(counts))
    assert told[-1] == (30, 10)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_shares_of_a_plan_add_up_to_it(parts):
    shares = plan("http://h/", requests=100, concurrency=16).split(parts)
    assert sum(share.requests for share in shares) == 100
    assert sum(share.concurrency for share in shares) == 16
    assert max(share.concurrency for share in shares) - min(share.concurrency for share in shares) <= 1


def test_shares_of_a_plan_by_time_all_last_as_long():
    assert [share.seconds for share in plan("http://h/", seconds=3).split(2)] == [3, 3]
