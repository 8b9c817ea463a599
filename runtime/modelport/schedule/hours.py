"""The spans of time in which a schedule's windows let the model run, joined where they touch; without its override.

A window belongs to the date on which it starts. Its start counts from the first showing of that time, its end up to the
last one, and a time that a spring night skips counts at the end of the gap. Both readings keep the order of times. So
windows that touch or overlap on the clock do so in time too, and are joined before the clock is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import MAXYEAR, date, datetime, time, timedelta
from typing import NamedTuple

from modelport.api.schedule import EVERY_DAY, Hours, Schedule, Window
from modelport.schedule.clock import first_showing, last_showing, lowest_wall_from, zone_of

DAY_MINUTES = 24 * 60
_DAY = timedelta(days=1)
_LAST_DAY = date(MAXYEAR, 1, 1)
"""What lies behind it is not looked at: the calendar ends soon after."""


class Span(NamedTuple):
    """A stretch of time, its end not in it: of walls or of instants."""

    begin: datetime
    end: datetime | None
    """None: it never ends."""


def minutes_of(hours: Hours) -> tuple[int, int]:
    """Return start and end in minutes from the midnight at which the date of the start begins."""
    start, end = _minutes(hours.start), _minutes(hours.end)
    return start, end if end > start else end + DAY_MINUTES


def wall_of(day: date, minutes: int = 0) -> datetime:
    """Return the wall that lies so many minutes after a date's midnight."""
    return datetime.combine(day, time()) + timedelta(minutes=minutes)


def openings(schedule: Schedule, instant: datetime) -> Iterator[Span]:
    """Yield the spans that end after `instant`, as instants, in order and apart. The first may have begun before it.

    There may be no last one. Raises UnknownTimeZone.
    """
    zone = zone_of(schedule.time_zone)
    lowest = lowest_wall_from(instant, zone)
    spans = (
        Span(first_showing(begin, zone), end and last_showing(end, zone))
        for begin, end in _joined(_windows_from(schedule, lowest.date() - _DAY))
        if end is None or end > lowest
    )
    lasting = (span for span in spans if span.end is None or span.begin < span.end)  # a gap may hold all of it
    return (span for span in _joined(lasting) if span.end is None or span.end > instant)


def _windows_from(schedule: Schedule, day: date) -> Iterator[Span]:
    """Yield the windows that start on `day` and later, as walls, by their starts.

    Around the clock there is nothing but the exceptions to tell, so the days far from one are told as one.
    """
    exceptions = {date.fromisoformat(each.date): each.windows for each in schedule.exceptions}
    always = _cover_the_week(schedule.windows)
    while day <= _LAST_DAY:
        if always and exceptions.keys().isdisjoint((day - _DAY, day, day + _DAY)):
            coming = min((each for each in exceptions if each > day), default=None)
            if coming is None:
                yield Span(wall_of(day), None)
                return
            yield Span(wall_of(day), wall_of(coming))
            day = coming - _DAY  # its windows may reach into the exception
        windows = exceptions.get(day, _on(day, schedule))
        for start, end in sorted(map(minutes_of, windows)):
            yield Span(wall_of(day, start), wall_of(day, end))
        day += _DAY


def _on(day: date, schedule: Schedule) -> Sequence[Hours]:
    name = EVERY_DAY[day.weekday()]
    return [window for window in schedule.windows if name in window.days]


def _cover_the_week(windows: Sequence[Window]) -> bool:
    """Whether nothing of an ordinary week is outside of the windows."""
    covered = 0
    for begin, end in sorted(
        (number * DAY_MINUTES + start, number * DAY_MINUTES + end)
        for start, end, days in ((*minutes_of(window), window.days) for window in windows)
        for day in days
        for number in (EVERY_DAY.index(day), EVERY_DAY.index(day) - 7)  # and last week's, of which one may reach over
    ):
        if covered < begin:
            return False
        covered = max(covered, end)
    return covered >= 7 * DAY_MINUTES


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Join what touches or overlaps, of spans in the order of their begins."""
    joined: Span | None = None
    for span in spans:
        if joined is None:
            joined = span
        elif joined.end is not None and span.begin > joined.end:
            yield joined
            joined = span
        elif joined.end is not None:
            joined = Span(joined.begin, span.end and max(joined.end, span.end))
    if joined is not None:
        yield joined


def _minutes(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return 60 * int(hours) + int(minutes)
