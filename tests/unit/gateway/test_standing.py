"""Where a schedule stands, asked again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modelport.api.schedule import Override, Schedule, Window
from modelport.gateway.errors import StoppedBySchedule
from modelport.gateway.standing import Standing

OFFICE = Schedule(windows=(Window(days=("Mon", "Tue", "Wed", "Thu", "Fri"), start="09:00", end="18:00"),))
FRIDAY_EVENING = datetime(2026, 11, 20, 18, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def test_a_model_without_a_schedule_is_always_open() -> None:
    standing = Standing(None)
    assert not standing.closed(FRIDAY_EVENING)
    standing.check("half", FRIDAY_EVENING)


def test_the_state_changes_at_the_very_moment_also_when_the_clock_is_put_back() -> None:
    standing = Standing(OFFICE)
    asked = [FRIDAY_EVENING - MOMENT, FRIDAY_EVENING, FRIDAY_EVENING + timedelta(days=1), FRIDAY_EVENING - MOMENT]
    assert [standing.closed(now) for now in asked] == [False, True, True, False]


def test_a_refusal_says_when_the_model_opens_again() -> None:
    with pytest.raises(
        StoppedBySchedule, match=r"half is stopped by its schedule until 2026-11-23T09:00:00Z"
    ) as caught:
        Standing(OFFICE).check("half", FRIDAY_EVENING)
    assert caught.value.retry_after == (2 * 24 + 15) * 3600


@pytest.mark.parametrize(
    ("before", "seconds"),
    [(MOMENT, 1), (timedelta(seconds=1.5), 2)],
    ids=["less than a second is one", "part of a second counts"],
)
def test_nobody_is_told_to_come_too_early(before: timedelta, seconds: int) -> None:
    with pytest.raises(StoppedBySchedule) as caught:
        Standing(OFFICE).check("half", datetime(2026, 11, 23, 9, tzinfo=UTC) - before)
    assert caught.value.retry_after == seconds


def test_a_model_that_never_opens_again_has_no_retry_after() -> None:
    override = Override(until=datetime.max.replace(tzinfo=UTC), state="Stopped")
    with pytest.raises(StoppedBySchedule, match="does not start it again") as caught:
        Standing(OFFICE.model_copy(update={"override": override})).check("half", FRIDAY_EVENING)
    assert caught.value.retry_after is None


def test_a_zone_that_the_machine_does_not_know_leaves_the_model_running(caplog: pytest.LogCaptureFixture) -> None:
    standing = Standing(OFFICE.model_copy(update={"time_zone": "Europe/Atlantis"}))
    assert not standing.closed(FRIDAY_EVENING)
    assert "no such time zone on this machine: Europe/Atlantis" in caplog.text
