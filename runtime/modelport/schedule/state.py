"""The questions that are asked of a schedule: is it open, until when, and what comes next?

Instants are aware datetimes; those returned are in UTC. Every function raises UnknownTimeZone where this machine does
not know the schedule's zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, datetime
from itertools import takewhile
from typing import Literal, NamedTuple

from modelport.api.schedule import Override, Schedule
from modelport.schedule.clock import to_utc
from modelport.schedule.hours import openings

ScheduleState = Literal["Open", "Closed"]
"""As `status.schedule.state` has it: open, the model runs; closed, it does not."""


class Transition(NamedTuple):
    """A change of state."""

    instant: datetime
    state: ScheduleState
    """The state from then on."""


def state_at(schedule: Schedule, instant: datetime) -> ScheduleState:
    """Return the state at an instant."""
    override = _override_at(schedule, instant)
    return _state_by_windows(schedule, instant) if override is None else _kept_by(override)


def next_transition(schedule: Schedule, instant: datetime) -> datetime | None:
    """Return the first instant after this one at which the state changes; None if it never does."""
    return next((change.instant for change in _changes(schedule, instant)), None)


def next_opening(schedule: Schedule, instant: datetime) -> datetime | None:
    """Return the first instant after this one at which a closed schedule opens; None if it never does."""
    return next((change.instant for change in _changes(schedule, instant) if change.state == "Open"), None)


def transitions(schedule: Schedule, begin: datetime, end: datetime) -> Iterator[Transition]:
    """Yield the changes after `begin` up to `end`, in order."""
    return takewhile(lambda change: change.instant <= end, _changes(schedule, begin))


def _changes(schedule: Schedule, after: datetime) -> Iterator[Transition]:
    """Yield every change after an instant; there may be no last one."""
    override = _override_at(schedule, after)
    if override is not None:
        if override.until.year == MAXYEAR:  # for good
            return
        after = to_utc(override.until)
        state = _state_by_windows(schedule, after)
        if state != _kept_by(override):
            yield Transition(after, state)
    for begin, end in openings(schedule, after):
        if begin > after:
            yield Transition(begin, "Open")
        if end is not None:
            yield Transition(end, "Closed")


def _override_at(schedule: Schedule, instant: datetime) -> Override | None:
    override = schedule.override
    return override if override is not None and instant < override.until else None


def _kept_by(override: Override) -> ScheduleState:
    return "Open" if override.state == "Running" else "Closed"


def _state_by_windows(schedule: Schedule, instant: datetime) -> ScheduleState:
    span = next(openings(schedule, instant), None)
    return "Open" if span is not None and span.begin <= instant else "Closed"
