"""The line in which resources wait for their reconciliation."""

from __future__ import annotations

import asyncio

import pytest

from modelport_operator.work_queue import LONGEST_DELAY, WorkQueue, delay


async def test_a_key_stands_in_line_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert len(queue) == 2
    assert [await queue.take(), await queue.take()] == ["a", "b"]
    assert len(queue) == 0


async def test_a_key_that_is_at_work_comes_again_afterwards_and_never_beside() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.take()
    queue.add("a")
    queue.add("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 0.01)
    queue.done("a")
    assert await queue.take() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_the_earliest_of_two_moments_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_later("a", 60)
    queue.add_later("a", 0)
    queue.add_later("a", 60)
    assert await asyncio.wait_for(queue.take(), 1) == "a"


async def test_a_key_that_failed_comes_again_by_itself() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.take()
    queue.done("a", failed=True)
    assert await asyncio.wait_for(queue.take(), 1) == "a"


async def test_a_key_that_is_forgotten_does_not_come() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_later("a", 0.01)
    queue.forget("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 0.03)


def test_each_failure_waits_longer_up_to_a_bound() -> None:
    waits = [delay(failures) for failures in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[:3] == [0.2, 0.4, 0.8]
    assert waits[-1] == LONGEST_DELAY
