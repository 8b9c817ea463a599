"""The answers, held against a brute-force clock: one that walks through every minute and only reads what a zone shows.

By that clock a window from S to E is open at an instant if the clock has shown S, or more, by then, and shows something
below E then or later, or E itself later. This says all of it: skipped times, repeated ones, midnight, and days that
never were.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.api.schedule import EVERY_DAY, Schedule
from modelport.schedule import UnknownTimeZone, next_opening, next_transition, state_at, transitions

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1)
SHOWN_DAYS = 8
"""Walked before and after what is asked for: longer than any window and any gap."""

WEEKS = {
    "an hour forward and back": ("Europe/Berlin", "2026-03-26", "2026-10-22"),
    "the same in the west": ("America/New_York", "2026-03-05", "2026-10-29"),
    "half an hour": ("Australia/Lord_Howe", "2026-04-02", "2026-10-01"),
    "no changes": ("Asia/Tokyo", "2026-07-01"),
    "45 minutes from UTC": ("Asia/Kathmandu", "2026-07-01"),
    "a day that never was": ("Pacific/Apia", "2011-12-27", "2012-03-29"),
    "midnight skipped, and repeated before it": ("America/Sao_Paulo", "2018-11-01", "2018-02-14"),
    "midnight skipped east of Greenwich": ("Africa/Cairo", "2026-04-22", "2026-10-28"),
    "midnight itself repeated": ("America/Havana", "2026-03-05", "2026-10-29"),
    "a minute past midnight": ("America/St_Johns", "2010-03-11", "2010-11-04"),
    "back for Ramadan": ("Africa/Casablanca", "2026-02-12", "2026-03-19"),
    "two hours": ("Antarctica/Troll", "2026-03-26", "2026-10-22"),
    "UTC": ("Etc/UTC", "2026-12-28"),
}
FORTNIGHTS = [(name, date.fromisoformat(day)) for name, *days in WEEKS.values() for day in days]


@cache
def shown(zone: str, first: date) -> tuple[np.ndarray, np.ndarray]:
    """The most that the clock has shown up to each minute from `first` on (UTC), and the least that it will yet show.

    Both in minutes from the epoch.
    """
    begin = datetime.combine(first, datetime.min.time(), UTC) - SHOWN_DAYS * DAY
    info = ZoneInfo(zone)
    count = (14 + 2 * SHOWN_DAYS) * 24 * 60
    offsets = [
        (begin + number * MINUTE).astimezone(info).utcoffset() // MINUTE
        for number in range(count)  # type: ignore[operator]
    ]
    walls = (begin.replace(tzinfo=None) - EPOCH) // MINUTE + np.arange(count) + np.array(offsets)
    return np.maximum.accumulate(walls), np.minimum.accumulate(walls[::-1])[::-1]


def brute_force(schedule: Schedule, first: date) -> np.ndarray:
    """Whether the schedule is open, for each minute of the fortnight that begins on `first`, in UTC."""
    most, least = shown(schedule.time_zone, first)
    is_open = np.zeros(len(most), bool)
    exceptions = {each.date: each.windows for each in schedule.exceptions}
    for number in range(14 + 2 * SHOWN_DAYS):
        day = first + (number - SHOWN_DAYS) * DAY
        usual = [window for window in schedule.windows if EVERY_DAY[day.weekday()] in window.days]
        for hours in exceptions.get(day.isoformat(), usual):
            midnight = (datetime.combine(day, datetime.min.time()) - EPOCH) // MINUTE
            start, end = (60 * int(text[:2]) + int(text[3:]) for text in (hours.start, hours.end))
            end += midnight + (1440 if end < start else 0)
            is_open |= (most >= midnight + start) & ((least < end) | (np.append(least[1:], least[-1] + 1) <= end))
    begin = datetime.combine(first, datetime.min.time(), UTC) - SHOWN_DAYS * DAY
    if schedule.override is not None:
        kept = -((begin - schedule.override.until) // MINUTE)
        is_open[: max(kept, 0)] = schedule.override.state == "Running"
    return is_open[SHOWN_DAYS * 1440 : -SHOWN_DAYS * 1440]


def build(fields: dict[str, Any]) -> Schedule:
    return Schedule.model_validate_json(json.dumps(fields))


times = st.sampled_from(
    [
        "00:00",
        "00:01",
        "00:30",
        "01:00",
        "01:30",
        "01:59",
        "02:00",
        "02:15",
        "02:30",
        "02:59",
        "03:00",
        "09:00",
        "23:01",
    ]
) | st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
hours = st.fixed_dictionaries({"start": times, "end": times | st.just("24:00")}).filter(
    lambda window: window["start"] != window["end"]
)
windows = st.lists(
    st.builds(
        lambda window, days: window | {"days": sorted(days)}, hours, st.sets(st.sampled_from(EVERY_DAY), min_size=1)
    )
    | hours,
    min_size=1,
    max_size=6,
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schedule, date]:
    """A schedule, and a fortnight in its zone that is worth a look."""
    zone, first = draw(st.sampled_from(FORTNIGHTS))
    days = draw(st.sets(st.integers(-1, 14), max_size=4))
    exceptions = [
        {"date": (first + day * DAY).isoformat()}
        | draw(st.just({"closed": True}) | st.fixed_dictionaries({"windows": st.lists(hours, min_size=1, max_size=3)}))
        for day in days
    ]
    fields = {"timeZone": zone, "windows": draw(windows), "exceptions": exceptions}
    if draw(st.booleans()):
        minutes = draw(st.integers(-1440, 15 * 1440))
        until = datetime.combine(first, datetime.min.time(), UTC) + minutes * MINUTE
        fields["override"] = {"until": until.isoformat(), "state": draw(st.sampled_from(["Running", "Stopped"]))}
    return build(fields), first


@settings(deadline=None)
@given(cases())
def test_every_minute_is_as_the_brute_force_clock_has_it(case: tuple[Schedule, date]) -> None:
    schedule, first = case
    expected = brute_force(schedule, first)
    begin = datetime.combine(first, datetime.min.time(), UTC)
    end = begin + len(expected) * MINUTE - MINUTE
    edges = np.flatnonzero(np.diff(expected)) + 1

    changes = list(transitions(schedule, begin, end))

    assert [(each.instant - begin) // MINUTE for each in changes] == edges.tolist()
    assert [each.state == "Open" for each in changes] == expected[edges].tolist()
    for number in {0, *edges.tolist(), *(edges - 1).tolist(), len(expected) - 1}:
        instant = begin + number * MINUTE
        assert (state_at(schedule, instant) == "Open") == expected[number], instant
    if changes:
        assert next_transition(schedule, begin) == changes[0].instant
        opening = next((each.instant for each in changes if each.state == "Open"), None)
        assert opening is None or next_opening(schedule, begin) == opening


@settings(deadline=None)
@given(cases(), st.integers(0, 14 * 86400 * 1000))
def test_nothing_changes_between_two_transitions(case: tuple[Schedule, date], milliseconds: int) -> None:
    schedule, first = case
    instant = datetime.combine(first, datetime.min.time(), UTC) + timedelta(milliseconds=milliseconds)
    state = state_at(schedule, instant)
    coming = next_transition(schedule, instant)
    if coming is None:
        assert all(state_at(schedule, instant + days * DAY) == state for days in range(0, 800, 100))
    else:
        assert coming > instant
        assert state_at(schedule, instant + (coming - instant) / 2) == state
        assert state_at(schedule, coming - timedelta(microseconds=1)) == state
        assert state_at(schedule, coming) != state


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


NIGHT = {"start": "22:00", "end": "06:00", "days": ["Fri"]}
OFFICE = {"start": "09:00", "end": "18:00", "days": ["Mon", "Tue", "Wed", "Thu", "Fri"]}
ALWAYS = {"start": "00:00", "end": "24:00"}
BERLIN = "Europe/Berlin"
READ = {
    "the NNC document's example: nine to six in Japan, written in UTC": (
        {"windows": [{"start": "00:00", "end": "09:00"}]},
        "2026-11-23T08:59:59.999Z",
        "Open",
        "2026-11-23T09:00Z",
    ),
    "an end is not in the window": ({"windows": [OFFICE]}, "2026-11-23T18:00Z", "Closed", "2026-11-24T09:00Z"),
    "over the weekend": ({"windows": [OFFICE]}, "2026-11-20T18:00Z", "Closed", "2026-11-23T09:00Z"),
    "a night belongs to the day on which it begins": (
        {"windows": [NIGHT]},
        "2026-11-28T05:00Z",
        "Open",
        "2026-11-28T06:00Z",
    ),
    "a closed date leaves the night before it alone": (
        {"windows": [NIGHT], "exceptions": [{"date": "2026-11-28", "closed": True}]},
        "2026-11-28T05:00Z",
        "Open",
        "2026-11-28T06:00Z",
    ),
    "a closed date takes the night that begins on it": (
        {"windows": [NIGHT], "exceptions": [{"date": "2026-11-27", "closed": True}]},
        "2026-11-28T05:00Z",
        "Closed",
        "2026-12-04T22:00Z",
    ),
    "a date with hours of its own": (
        {"windows": [OFFICE], "exceptions": [{"date": "2026-11-28", "windows": [{"start": "10:00", "end": "12:00"}]}]},
        "2026-11-27T20:00Z",
        "Closed",
        "2026-11-28T10:00Z",
    ),
    "around the clock nothing ever changes": ({"windows": [ALWAYS]}, "2026-11-22T00:00Z", "Open", None),
    "but for an exception, however far": (
        {"windows": [ALWAYS], "exceptions": [{"date": "2999-12-31", "closed": True}]},
        "2026-11-22T00:00Z",
        "Open",
        "2999-12-31T00:00Z",
    ),
    "an exception in the past is over": (
        {"windows": [ALWAYS], "exceptions": [{"date": "0001-01-01", "closed": True}]},
        "2026-11-22T00:00Z",
        "Open",
        None,
    ),
    "the last day of the calendar": (
        {"windows": [ALWAYS], "exceptions": [{"date": "9999-12-31", "closed": True}]},
        "2026-11-22T00:00Z",
        "Open",
        "9999-12-31T00:00Z",
    ),
    "a start that spring skips counts at the end of the gap": (
        {"timeZone": BERLIN, "windows": [{"start": "02:30", "end": "05:00"}]},
        "2026-03-29T00:59Z",
        "Closed",
        "2026-03-29T01:00Z",
    ),
    "a window that spring skips is none": (
        {"timeZone": BERLIN, "windows": [{"start": "02:10", "end": "02:50"}]},
        "2026-03-28T20:00Z",
        "Closed",
        "2026-03-30T00:10Z",
    ),
    "a repeated hour belongs to the window from its first showing": (
        {"timeZone": BERLIN, "windows": [{"start": "02:30", "end": "05:00"}]},
        "2026-10-25T00:29Z",
        "Closed",
        "2026-10-25T00:30Z",
    ),
    "to its last": (
        {"timeZone": BERLIN, "windows": [{"start": "00:00", "end": "02:30"}]},
        "2026-10-25T00:31Z",
        "Open",
        "2026-10-25T01:30Z",
    ),
    "kept on until a moment": (
        {"windows": [OFFICE], "override": {"until": "2026-11-22T22:00:30Z", "state": "Running"}},
        "2026-11-22T20:00Z",
        "Open",
        "2026-11-22T22:00:30Z",
    ),
    "kept off up to a window that has begun": (
        {"windows": [OFFICE], "override": {"until": "2026-11-23T12:00Z", "state": "Stopped"}},
        "2026-11-23T10:00Z",
        "Closed",
        "2026-11-23T12:00Z",
    ),
    "an override that ends where the windows agree changes nothing then": (
        {"windows": [OFFICE], "override": {"until": "2026-11-23T12:00Z", "state": "Running"}},
        "2026-11-23T10:00Z",
        "Open",
        "2026-11-23T18:00Z",
    ),
    "an override is over": (
        {"windows": [OFFICE], "override": {"until": "2026-11-23T10:00Z", "state": "Stopped"}},
        "2026-11-23T10:00Z",
        "Open",
        "2026-11-23T18:00Z",
    ),
    "kept off for good": (
        {"windows": [OFFICE], "override": {"until": "9999-12-31T23:59:59-12:00", "state": "Stopped"}},
        "2026-11-23T10:00Z",
        "Closed",
        None,
    ),
}


@pytest.mark.parametrize(("fields", "instant", "state", "then"), READ.values(), ids=READ)
def test_schedules_are_read_as_written(fields: dict[str, Any], instant: str, state: str, then: str | None) -> None:
    schedule = build(fields)
    assert state_at(schedule, at(instant)) == state
    assert next_transition(schedule, at(instant)) == (at(then) if then else None)


def test_a_model_that_is_open_opens_next_after_it_has_closed() -> None:
    schedule = build({"windows": [OFFICE]})
    assert next_opening(schedule, at("2026-11-23T10:00Z")) == at("2026-11-24T09:00Z")


def test_transitions_alternate_over_years() -> None:
    schedule = build({"timeZone": BERLIN, "windows": [NIGHT, OFFICE]})
    changes = list(transitions(schedule, at("2026-01-01T00:00Z"), at("2036-01-01T00:00Z")))
    assert len(changes) > 10 * 52 * 12
    assert all(one.instant < other.instant and one.state != other.state for one, other in pairwise(changes))


def test_a_zone_that_the_machine_does_not_know_is_told() -> None:
    schedule = build({"timeZone": "Europe/Atlantis", "windows": [OFFICE]})
    with pytest.raises(UnknownTimeZone, match="Europe/Atlantis"):
        state_at(schedule, at("2026-11-23T10:00Z"))
