"""The line in which resources wait for their reconciliation."""

from __future__ import annotations

import asyncio

import pytest

from modelport_operator.work_queue import LONGEST_DELAY, SPACING, WorkQueue, delay


async def test_a_key_stands_in_line_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert len(queue) == 2
    assert [await queue.take(), await queue.take()] == ["a", "b"]
    assert len(queue) == 0


async def test_a_key_that_is_at_work_comes_again_afterwards_and_never_beside() -> None:
    queue: WorkQueue[str] = WorkQueue(spacing=0.01)
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


async def had_a_turn(queue: WorkQueue[str], *keys: str) -> None:
    for key in keys:
        queue.add(key)
        await queue.take()
        queue.done(key)


async def test_who_has_just_had_a_turn_waits_a_little_and_the_others_do_not() -> None:
    queue: WorkQueue[str] = WorkQueue()
    await had_a_turn(queue, "a")
    began = asyncio.get_running_loop().time()
    queue.add("a")
    queue.add("a")
    queue.add("b")
    assert [await queue.take(), await queue.take()] == ["b", "a"]
    assert asyncio.get_running_loop().time() - began > SPACING / 2


async def test_the_next_one_is_who_has_waited_longest_since_its_last_turn() -> None:
    queue: WorkQueue[str] = WorkQueue(spacing=0)
    await had_a_turn(queue, "a", "b", "c", "b")
    for key in ("b", "c", "x", "a", "y"):
        queue.add(key)
    assert [await queue.take() for _ in range(5)] == ["x", "y", "a", "c", "b"]


async def test_one_that_failed_waits_for_its_next_try_though_it_was_asked_for_meanwhile() -> None:
    queue: WorkQueue[str] = WorkQueue(spacing=0)
    queue.add("a")
    await queue.take()
    queue.add("a")
    queue.done("a", failed=True, retry_after=60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 0.03)


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
