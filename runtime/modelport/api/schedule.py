"""`spec.execution.schedule`: when a model runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelport.api.frozen import Frozen, Rule
from modelport.api.scalars import CalendarDate, EndTime, ListMap, ListSet, Moment, StartTime, TimeZone

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
EVERY_DAY: tuple[Day, ...] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Hours(Frozen):
    """From a time of day to another; the end may lie on the next day."""

    start: StartTime
    """Time of day from which the model runs, "HH:MM" on the schedule's clock."""
    end: EndTime
    """Time of day at which the model stops, "HH:MM"; "24:00" is the end of the day. Before the start: on the next
    day."""

    rules = (Rule("self.start != self.end", 'start and end must differ; a whole day is "00:00" to "24:00"'),)


class Window(Hours):
    """Hours on some days of the week."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7), ListSet()] = EVERY_DAY
    """Days on which the window starts. Every day by default."""


class ScheduleException(Frozen):
    """A date whose windows are other ones, or none."""

    date: CalendarDate
    """Date on the schedule's clock, such as 2026-12-31."""
    closed: bool = False
    """The model does not start on this date."""
    windows: Annotated[tuple[Hours, ...], Field(max_length=16)] = ()
    """Windows that start on this date, in place of the usual ones."""

    rules = (
        Rule(
            "self.closed != (has(self.windows) && size(self.windows) > 0)",
            "either `closed: true` or windows are needed, and only one of them",
        ),
    )


class Override(Frozen):
    """A state kept whatever the windows say, until a moment."""

    until: Moment
    """When the windows rule again, such as 2026-11-22T22:00:00Z."""
    state: Literal["Running", "Stopped"]
    """The state until then."""


class Schedule(Frozen):
    """When the model runs; outside of it there is no instance and nothing to pay."""

    time_zone: TimeZone = "Etc/UTC"
    """IANA time zone of the schedule's clock. Etc/UTC by default: it has no hour that comes twice or never."""
    windows: Annotated[tuple[Window, ...], Field(min_length=1, max_length=32)]
    """When the model runs. Windows may cross midnight, touch and overlap."""
    exceptions: Annotated[tuple[ScheduleException, ...], Field(max_length=128), ListMap("date")] = ()
    """Dates on which other windows hold."""
    override: Override | None = None
    """Keeps the model running or stopped until a moment."""

    rules = (
        Rule(
            "timestamp('2026-01-01T00:00:00Z').getHours(self.timeZone) >= 0",
            "no such time zone; names are those of the IANA database, such as Europe/Berlin",
            ".timeZone",
        ),
    )
