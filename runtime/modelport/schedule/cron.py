"""Lines for Kubernetes' CronJobs, so that a Job runs at every transition of a schedule.

A Job asks `state_at` what is wanted and does that, so a line may fire too often, and must not fire too seldom. Three
things that the CronJob controller's library does need care (github.com/robfig/cron v3.0.1, `SpecSchedule.Next` in
spec.go):

- A skipped time never fires. So one more line stands at the end of the gap.
- It looks for the hour in steps of an hour, which a change by half an hour leads past every full hour of that day. So
  lines in such a zone name no hours.
- It looks for the day in steps from midnight to midnight, and may step over a day that has none. So lines in such a
  zone name no days.

A repeated time fires at each showing, which the schedule's own rules want too. A cron line knows no year: the line of a
date fires every year until it is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from modelport.api.schedule import EVERY_DAY, Hours, Schedule
from modelport.schedule.clock import clock_changes, first_showing, last_showing, wall_at, zone_of
from modelport.schedule.hours import DAY_MINUTES, minutes_of, wall_of
from modelport.schedule.state import state_at

HORIZON: Final = timedelta(days=10 * 365)
"""How far ahead dates and changes of the clock are looked at. Lines are made anew long before it is reached."""
MAX_DATED: Final = 8
"""Most lines for dates. More of them are joined into lines that fire on further dates, or at further times, too."""

_WEEK_MINUTES: Final = 7 * DAY_MINUTES
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_ANY: Final[frozenset[int]] = frozenset()

Kind = Literal["start", "stop"]


@dataclass(frozen=True, slots=True)
class CronLine:
    """When one CronJob fires, by the clock of the schedule's zone. An empty set stands for every value."""

    kind: Kind
    """What it is there for; what a Job does comes from the schedule and the clock alone."""
    minutes: frozenset[int] = _ANY
    hours: frozenset[int] = _ANY
    days: frozenset[int] = _ANY
    """Of the month. Never beside weekdays, of which cron would take either."""
    months: frozenset[int] = _ANY
    weekdays: frozenset[int] = _ANY
    """0 is Sunday."""

    @property
    def expression(self) -> str:
        """The CronJob's `spec.schedule`; its `spec.timeZone` is the schedule's zone."""
        return " ".join(_format(getattr(self, field)) for field in _VALUES)


_VALUES: Final = {"minutes": 60, "hours": 24, "days": 31, "months": 12, "weekdays": 7}
"""The fields in cron's order, and how many values each can have."""
_EXACT: Final = (("weekdays",), ("hours",), ("minutes",), ("days",), ("months",))
"""Lines that differ in one field alone are joined without firing any more often."""
_COVERING: Final = (("days", "months"), ("days", "months", "hours"), ("days", "months", "hours", "minutes"))
"""Fields in which lines for dates are joined, one step after the other, until they are few enough."""


def cron_lines(schedule: Schedule, since: datetime) -> tuple[CronLine, ...]:
    """Return lines of which one fires at every transition after `since`, for as long as HORIZON.

    They are the same at any later time, but for dates that are over by then and for changes of the zone's own rules.
    Most schedules have two; none has much more than seventy. Raises UnknownTimeZone.
    """
    zone = zone_of(schedule.time_zone)
    habits = _habits_of(zone, since)
    weekly = _joined(map(habits.safe, _weekly(schedule, habits.gaps)), _EXACT)
    dated = _joined(map(habits.safe, _dated(schedule, zone, since)), _EXACT)
    for fields in _COVERING:
        if len(dated) > MAX_DATED:
            dated = _joined(dated, (fields,))
    return tuple(sorted({*weekly, *dated}, key=lambda line: (line.kind, line.expression)))


class _Gap(NamedTuple):
    """What spring skips, in minutes; the begin counts from the midnight with which Sunday begins."""

    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class _Habits:
    """How a zone's clock is changed, as far as cron minds it."""

    gaps: frozenset[_Gap]
    uneven: bool
    """Some change is not by whole hours."""

    def safe(self, line: CronLine) -> CronLine:
        """Take from a line what the library would lose its way by."""
        if self.uneven:
            return replace(line, hours=_ANY, days=_ANY, weekdays=_ANY)
        if any(-gap.begin % DAY_MINUTES < gap.length for gap in self.gaps):  # a midnight is skipped
            return replace(line, days=_ANY, weekdays=_ANY)
        return line


def _habits_of(zone: ZoneInfo, since: datetime) -> _Habits:
    changes = list(clock_changes(zone, since, since + HORIZON))
    forward = [change for change in changes if change.after > change.before]
    gaps = frozenset(
        _Gap(_minute_of_week(change.before), (change.after - change.before) // _MINUTE) for change in forward
    )
    return _Habits(gaps, any((change.after - change.before) % _HOUR for change in changes))


def _weekly(schedule: Schedule, gaps: Iterable[_Gap]) -> Iterator[CronLine]:
    """Yield a line for each edge of each window on each day, and one for its gap."""
    for window in schedule.windows:
        for kind, minutes in _edges(window):
            for day in window.days:
                minute = _cron_weekday(EVERY_DAY.index(day)) * DAY_MINUTES + minutes
                yield _weekly_line(kind, minute)
                for gap in gaps:
                    if (minute - gap.begin) % _WEEK_MINUTES < gap.length:
                        yield _weekly_line(kind, gap.begin + gap.length)


def _dated(schedule: Schedule, zone: ZoneInfo, since: datetime) -> Iterator[CronLine]:
    """Yield a line for each edge of each window of an exception, and one for the end of the override."""
    today = wall_at(since, zone).date()
    for exception in schedule.exceptions:
        day = date.fromisoformat(exception.date)
        if not timedelta(days=-3) < day - today < HORIZON:
            continue
        for hours in exception.windows:
            for kind, minutes in _edges(hours):
                wall = wall_of(day, minutes)
                if last_showing(wall, zone) > since:
                    yield _dated_line(kind, wall_at(first_showing(wall, zone), zone))
    if schedule.override is not None and since < schedule.override.until < since + HORIZON:
        until = schedule.override.until.astimezone(UTC)
        kind = "start" if state_at(schedule, until) == "Open" else "stop"
        whole = until.replace(second=0, microsecond=0)
        yield _dated_line(kind, wall_at(whole if whole == until else whole + _MINUTE, zone))


def _edges(hours: Hours) -> tuple[tuple[Kind, int], tuple[Kind, int]]:
    start, end = minutes_of(hours)
    return ("start", start), ("stop", end)


def _weekly_line(kind: Kind, minute_of_week: int) -> CronLine:
    weekday, minute = divmod(minute_of_week % _WEEK_MINUTES, DAY_MINUTES)
    hour, minute = divmod(minute, 60)
    return CronLine(kind, frozenset({minute}), frozenset({hour}), weekdays=frozenset({weekday}))


def _dated_line(kind: Kind, wall: datetime) -> CronLine:
    return CronLine(kind, *(frozenset({value}) for value in (wall.minute, wall.hour, wall.day, wall.month)))


def _minute_of_week(wall: datetime) -> int:
    return (_cron_weekday(wall.weekday()) * 24 + wall.hour) * 60 + wall.minute


def _cron_weekday(weekday: int) -> int:
    """Python counts from Monday, cron from Sunday."""
    return (weekday + 1) % 7


def _joined(lines: Iterable[CronLine], steps: Iterable[tuple[str, ...]]) -> list[CronLine]:
    """Join, step by step, lines that differ in no other fields than these."""
    for fields in steps:
        groups: dict[CronLine, list[CronLine]] = {}
        for line in lines:
            groups.setdefault(_with(line, dict.fromkeys(fields, _ANY)), []).append(line)
        lines = [
            _with(common, {field: _union(field, [getattr(line, field) for line in group]) for field in fields})
            for common, group in groups.items()
        ]
    return list(lines)


def _with(line: CronLine, values: Mapping[str, frozenset[int]]) -> CronLine:
    return CronLine(line.kind, **{field: values.get(field, getattr(line, field)) for field in _VALUES})


def _union(field: str, sets: list[frozenset[int]]) -> frozenset[int]:
    values = frozenset().union(*sets)
    return _ANY if not all(sets) or len(values) == _VALUES[field] else values


def _format(values: frozenset[int]) -> str:
    """Write a field as cron has it: `*`, or numbers and ranges."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    parts = (f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)
    return ",".join(parts) or "*"
