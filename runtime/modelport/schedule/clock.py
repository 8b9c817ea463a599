"""What the clock of a time zone shows, and at which instant it shows it.

A "wall" is a naive datetime, as read off the clock on a wall in the zone; an "instant" is an aware one in UTC. In
spring some walls are skipped, in autumn some come twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from modelport.errors import ModelportError

_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=7)
"""No zone has changed its clock twice within a week since 1970."""


class UnknownTimeZone(ModelportError):
    """A zone that neither the system's database nor the package tzdata has."""


class ClockChange(NamedTuple):
    """A moment at which a clock is put forward or back."""

    instant: datetime
    before: datetime
    """What the clock would show at the instant without the change; it shows it never, or a second time later."""
    after: datetime
    """What it shows at the instant instead."""


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone of that name; raise UnknownTimeZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownTimeZone(f"no such time zone on this machine: {name}") from error


def to_utc(moment: datetime) -> datetime:
    """Return an aware datetime in UTC; the end of the calendar for one that lies beyond it."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def wall_at(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clock shows at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def lowest_wall_from(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return a wall below which the clock shows none from the instant on; near a repeated hour, perhaps a lower one."""
    local = instant.astimezone(zone)
    other = local.replace(fold=1 - local.fold)
    again = abs((local.utcoffset() or timedelta()) - (other.utcoffset() or timedelta()))
    return local.replace(tzinfo=None, fold=0) - again


def first_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows this wall, or more: a skipped one at the end of its gap."""
    early, late = _offsets(wall, zone)
    return _instant(wall, early) if early >= late else _change_between(wall, early, late, zone)


def last_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant from which on the clock shows this wall, or more, for good."""
    early, late = _offsets(wall, zone)
    return _instant(wall, late) if early >= late else _change_between(wall, early, late, zone)


def clock_changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[ClockChange]:
    """Yield the changes after `begin` up to `end`, two instants, in order."""
    while begin < end:
        step = min(begin + _STEP, end)
        old, new = _offset_at(begin, zone), _offset_at(step, zone)
        if old != new:
            instant = _change(begin, step, zone)
            wall = instant.replace(tzinfo=None)
            yield ClockChange(instant, wall + old, wall + new)
        begin = step


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The distance from UTC by the clock's rule before and after a change near the wall; the same where there is none.

    The first is the larger one where the wall is repeated, the smaller one where it is skipped (PEP 495).
    """
    early = wall.replace(tzinfo=zone, fold=0).utcoffset()
    late = wall.replace(tzinfo=zone, fold=1).utcoffset()
    return early or timedelta(), late or timedelta()


def _offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _instant(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)


def _change_between(wall: datetime, early: timedelta, late: timedelta, zone: ZoneInfo) -> datetime:
    """The change whose gap holds the wall."""
    return _change(_instant(wall, late), _instant(wall, early), zone)


def _change(begin: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """The one change after `begin` up to `end`. Changes happen at whole seconds."""
    low, high = begin.replace(microsecond=0), end
    old = _offset_at(begin, zone)
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        if _offset_at(middle, zone) == old:
            low = middle
        else:
            high = middle
    return high
