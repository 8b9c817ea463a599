"""The lines fire at every transition, by the very steps of the library that the CronJob controller looks ahead with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.api.schedule import EVERY_DAY, Schedule
from modelport.schedule import cron_lines, transitions

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


class RobfigCron:
    """`SpecSchedule.Next` of github.com/robfig/cron v3.0.1 (spec.go), step for step, with Go's `time.Date`.

    Kubernetes 1.34 finds a CronJob's times by it (pkg/controller/cronjob/utils.go), in the zone of `spec.timeZone`.
    Only the steps of a minute are taken at once, where the clock is not changed meanwhile.
    """

    def __init__(self, expression: str, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
        texts = expression.split(" ")
        sets = [values(text, *ends) for text, ends in zip(texts, bounds, strict=True)]
        self.minutes, self.hours, self.days, self.months, self.weekdays = sets
        self.either_day = "*" not in (texts[2], texts[4])

    def fires(self, after: datetime, until: datetime) -> Iterator[datetime]:
        while (found := self.next(after)) is not None and found <= until:
            yield found
            after = found

    def next(self, after: datetime) -> datetime | None:
        self.t, self.added = after.replace(microsecond=0) + SECOND, False
        last_year = self.local.year + 5
        while self.local.year <= last_year:  # WRAP
            if self.month() and self.day() and self.hour() and self.minute() and self.second():
                return self.t
        return None

    @property
    def local(self) -> datetime:
        return self.t.astimezone(self.zone).replace(tzinfo=None)

    def offset(self, t: datetime) -> timedelta:
        return t.astimezone(self.zone).utcoffset() or timedelta()

    def date(self, wall: datetime) -> datetime:
        """`time.Date`: the offset is looked up at the wall as if it were UTC, then at what came of that."""
        unix = wall.replace(tzinfo=UTC)
        return unix - self.offset(unix - self.offset(unix))

    def begin(self, **fields: int) -> None:
        if not self.added:
            self.added = True
            self.t = self.date(self.local.replace(**fields, second=0))

    def month(self) -> bool:
        while self.local.month not in self.months:
            self.begin(day=1, hour=0, minute=0)
            wall = self.local
            first = wall.replace(year=wall.year + wall.month // 12, month=wall.month % 12 + 1, day=1)
            self.t = self.date(first + (wall.day - 1) * DAY)
            if self.local.month == 1:
                return False
        return True

    def day(self) -> bool:
        while not self.day_matches():
            self.begin(hour=0, minute=0)
            self.t = self.date(self.local + DAY)
            if hour := self.local.hour:
                self.t += (24 - hour if hour > 12 else -hour) * HOUR
            if self.local.day == 1:
                return False
        return True

    def day_matches(self) -> bool:
        day, weekday = self.local.day in self.days, self.local.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday

    def hour(self) -> bool:
        while self.local.hour not in self.hours:
            self.begin(minute=0)
            self.t += HOUR
            if self.local.hour == 0:
                return False
        return True

    def minute(self) -> bool:
        while (minute := self.local.minute) not in self.minutes:
            if not self.added:
                self.added = True
                self.t = self.t.replace(second=0)
            far = self.t + (min({each for each in self.minutes if each > minute} | {60}) - minute) * MINUTE
            self.t = far if self.offset(far) == self.offset(self.t) else self.t + MINUTE
            if self.local.minute == 0:
                return False
        return True

    def second(self) -> bool:
        if self.t.second == 0:
            return True
        self.added = True
        self.t += (60 - self.t.second) * SECOND
        return False


@cache
def values(text: str, low: int, high: int) -> frozenset[int]:
    if text == "*":
        return frozenset(range(low, high + 1))
    ends = [part.split("-") for part in text.split(",")]
    return frozenset(value for end in ends for value in range(int(end[0]), int(end[-1]) + 1))


def test_the_library_skips_what_spring_skips_and_repeats_what_autumn_repeats() -> None:
    """Held against the library itself; these are its answers."""
    cron = RobfigCron("30 2 * * *", "Europe/Berlin")
    spring = cron.fires(at("2026-03-28T00:00Z"), at("2026-03-31T00:00Z"))
    assert list(spring) == [at("2026-03-28T01:30Z"), at("2026-03-30T00:30Z")]
    autumn = cron.fires(at("2026-10-24T12:00Z"), at("2026-10-25T12:00Z"))
    assert list(autumn) == [at("2026-10-25T00:30Z"), at("2026-10-25T01:30Z")]
    stepped_over = RobfigCron("0 9 * * 5", "Africa/Cairo").next(at("2026-04-22T00:00Z"))
    assert stepped_over == at("2026-05-01T06:00Z")  # and not on Friday, 24 April, which has no midnight
    lost = RobfigCron("0 9 * * *", "Australia/Lord_Howe").next(at("2026-10-03T00:00Z"))
    assert lost == at("2026-10-04T22:00Z")


PLACES = {
    "Europe/Berlin": ("2026-03-26", "2026-10-22"),
    "America/New_York": ("2027-03-11", "2027-11-04"),
    "Australia/Lord_Howe": ("2026-04-02", "2026-10-01"),
    "Asia/Kathmandu": ("2026-07-01",),
    "America/Sao_Paulo": ("2018-11-01", "2018-02-14"),
    "Africa/Cairo": ("2026-04-22", "2026-10-28"),
    "America/Havana": ("2026-03-05", "2026-10-29"),
    "Africa/Casablanca": ("2026-02-12", "2026-03-19"),
    "Antarctica/Troll": ("2026-03-26", "2026-10-22"),
    "Etc/UTC": ("2026-12-28",),
}
FORTNIGHTS = [(zone, day) for zone, days in PLACES.items() for day in days]

times = st.builds("{:02}:{:02}".format, st.integers(0, 3) | st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
hours = st.fixed_dictionaries({"start": times, "end": times | st.just("24:00")}).filter(
    lambda window: window["start"] != window["end"]
)
windows = st.builds(
    lambda window, days: window | {"days": sorted(days)}, hours, st.sets(st.sampled_from(EVERY_DAY), min_size=1)
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schedule, datetime]:
    zone, first = draw(st.sampled_from(FORTNIGHTS))
    begin = at(f"{first}T00:00Z")
    dates = draw(st.sets(st.integers(0, 14), max_size=3))
    exceptions = [{"date": (begin + day * DAY).date().isoformat(), "windows": [draw(hours)]} for day in sorted(dates)]
    fields: dict[str, Any] = {"timeZone": zone, "windows": draw(st.lists(windows, min_size=1, max_size=3))}
    fields["exceptions"] = exceptions
    if draw(st.booleans()):
        until = begin + draw(st.integers(1, 13 * 86400)) * SECOND
        fields["override"] = {"until": until.isoformat(), "state": draw(st.sampled_from(["Running", "Stopped"]))}
    return build(fields), begin


@settings(deadline=None, max_examples=40)
@given(cases())
def test_a_line_of_the_right_kind_fires_at_every_transition(case: tuple[Schedule, datetime]) -> None:
    schedule, begin = case
    end = begin + 14 * DAY
    fired = {
        (line.kind, instant)
        for line in cron_lines(schedule, begin)
        for instant in RobfigCron(line.expression, schedule.time_zone).fires(begin, end)
    }
    until = schedule.override.until if schedule.override else None
    for change in transitions(schedule, begin, end):
        minute = change.instant
        if minute == until and minute.second:
            minute = minute.replace(second=0) + MINUTE
        assert ("start" if change.state == "Open" else "stop", minute) in fired, change


@pytest.mark.parametrize("zone", PLACES)
def test_a_year_of_a_common_schedule(zone: str) -> None:
    schedule = build({"timeZone": zone, "windows": [{"start": "02:30", "end": "18:00", "days": ["Mon", "Fri", "Sun"]}]})
    begin, end = at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z")
    fired = {
        instant
        for line in cron_lines(schedule, begin)
        for instant in RobfigCron(line.expression, zone).fires(begin, end)
    }
    assert {change.instant for change in transitions(schedule, begin, end)} <= fired


OFFICE = {"start": "09:00", "end": "18:00", "days": ["Mon", "Tue", "Wed", "Thu", "Fri"]}
LINES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "two lines for most": ({"windows": [OFFICE]}, ["start 0 9 * * 1-5", "stop 0 18 * * 1-5"]),
    "every day": ({"windows": [{"start": "00:00", "end": "09:00"}]}, ["start 0 0 * * *", "stop 0 9 * * *"]),
    "an end on the next day": (
        {"windows": [{"start": "22:00", "end": "24:00", "days": ["Sat"]}]},
        ["start 0 22 * * 6", "stop 0 0 * * 0"],
    ),
    "hours of the same days share a line": (
        {"windows": [OFFICE, {**OFFICE, "start": "20:00", "end": "22:00"}]},
        ["start 0 9,20 * * 1-5", "stop 0 18,22 * * 1-5"],
    ),
    "a gap has a line at its end, on its day": (
        {"timeZone": "Europe/Berlin", "windows": [{"start": "02:30", "end": "18:00"}]},
        ["start 0 3 * * 0", "start 30 2 * * *", "stop 0 18 * * *"],
    ),
    "days without the gap need none": (
        {"timeZone": "Europe/Berlin", "windows": [{"start": "02:30", "end": "18:00", "days": ["Mon"]}]},
        ["start 30 2 * * 1", "stop 0 18 * * 1"],
    ),
    "no days where a midnight is skipped": (
        {"timeZone": "Africa/Cairo", "windows": [OFFICE]},
        ["start 0 9 * * *", "stop 0 18 * * *"],
    ),
    "no hours where half an hour is": (
        {"timeZone": "Australia/Lord_Howe", "windows": [OFFICE]},
        ["start 0 * * * *", "stop 0 * * * *"],
    ),
    "a date with windows has lines of its own, a closed one none": (
        {
            "windows": [OFFICE],
            "exceptions": [
                {"date": "2026-12-31", "windows": [{"start": "09:30", "end": "12:00"}]},
                {"date": "2026-12-25", "closed": True},
            ],
        },
        ["start 0 9 * * 1-5", "start 30 9 31 12 *", "stop 0 12 31 12 *", "stop 0 18 * * 1-5"],
    ),
    "a date that is over has none": (
        {"windows": [OFFICE], "exceptions": [{"date": "2026-11-20", "windows": [{"start": "20:00", "end": "21:00"}]}]},
        ["start 0 9 * * 1-5", "stop 0 18 * * 1-5"],
    ),
    "an override that ends where the windows are closed stops": (
        {"windows": [OFFICE], "override": {"until": "2026-11-22T22:00:01Z", "state": "Running"}},
        ["start 0 9 * * 1-5", "stop 0 18 * * 1-5", "stop 1 22 22 11 *"],
    ),
    "one that is over has no line": (
        {"windows": [OFFICE], "override": {"until": "2026-11-22T00:00:00Z", "state": "Running"}},
        ["start 0 9 * * 1-5", "stop 0 18 * * 1-5"],
    ),
    "dates beyond every calendar": (
        {
            "windows": [OFFICE],
            "exceptions": [
                {"date": day, "windows": [{"start": "09:00", "end": "18:00"}]} for day in ("0001-01-01", "9999-12-31")
            ],
            "override": {"until": "9999-12-31T23:59:59-12:00", "state": "Running"},
        },
        ["start 0 9 * * 1-5", "stop 0 18 * * 1-5"],
    ),
}


@pytest.mark.parametrize(("fields", "expected"), LINES.values(), ids=LINES)
def test_lines_read_well(fields: dict[str, Any], expected: list[str]) -> None:
    lines = cron_lines(build(fields), at("2026-11-22T00:00Z"))
    assert [f"{line.kind} {line.expression}" for line in lines] == expected


def test_the_most_of_everything_still_makes_few_lines() -> None:
    many = [{"start": f"{number % 24:02}:{number:02}", "end": "23:59"} for number in range(16)]
    exceptions = [{"date": (date(2027, 1, 1) + 3 * number * DAY).isoformat(), "windows": many} for number in range(128)]
    weekly = [{"start": f"{number % 24:02}:{number:02}", "end": f"23:{number:02}"} for number in range(32)]
    lines = cron_lines(build({"windows": weekly, "exceptions": exceptions}), at("2026-11-22T00:00Z"))
    assert len(lines) <= 2 * 32 + 8


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def build(fields: dict[str, Any]) -> Schedule:
    return Schedule.model_validate_json(json.dumps(fields))
