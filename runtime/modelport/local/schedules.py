"""Starts and stops models by their schedules: outside of its windows a model takes no memory.

The gateway reads the same schedule and refuses requests by itself, to the moment; here Triton follows within a second.
The clock is looked at again and again, since a machine may sleep, and its clock be put right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from modelport.api import PublishedModel
from modelport.schedule import state_at

LOOK_SECONDS = 1.0


def runs_at(resource: PublishedModel, now: datetime) -> bool:
    """Whether the model's schedule has it run at an instant."""
    schedule = resource.spec.execution.schedule
    return schedule is None or state_at(schedule, now) == "Open"


async def follow_schedules(follow: Callable[[datetime], Awaitable[None]]) -> None:
    """Call `follow` with the time, for ever."""
    while True:
        await follow(datetime.now(UTC))
        await asyncio.sleep(LOOK_SECONDS)
