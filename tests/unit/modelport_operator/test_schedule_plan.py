"""What a schedule's Jobs are told, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from modelport.api import InvalidManifest, PublishedModel
from modelport_operator.schedule_plan import SchedulePlan

SCHEDULE = {"windows": [{"start": "09:00", "end": "17:00"}]}
OPEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOSED = datetime(2026, 11, 22, 20, tzinfo=UTC)


def plan_of(build_model: Callable[..., PublishedModel], **execution: Any) -> SchedulePlan:
    plan = SchedulePlan.of(build_model({"execution": {"schedule": SCHEDULE, **execution}}).spec.execution)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("execution", "instances"),
    [
        pytest.param({}, 1, id="one by default"),
        pytest.param({"instances": 3}, 3, id="the fixed number"),
        pytest.param(
            {"autoscaling": {"minInstances": 2, "maxInstances": 8, "target": 4}}, 2, id="the autoscaler's least"
        ),
    ],
)
def test_what_a_model_begins_with(
    build_model: Callable[..., PublishedModel], execution: dict[str, Any], instances: int
) -> None:
    assert plan_of(build_model, **execution).instances == instances


def test_a_model_without_a_schedule_has_no_plan(build_model: Callable[..., PublishedModel]) -> None:
    assert SchedulePlan.of(build_model().spec.execution) is None


@pytest.mark.parametrize(
    ("instant", "instances", "current", "wanted"),
    [
        pytest.param(OPEN, 2, 0, 2, id="open and stopped: begin"),
        pytest.param(OPEN, 2, 1, None, id="open with fewer: hands off"),
        pytest.param(OPEN, 2, 2, None, id="open and running: hands off"),
        pytest.param(OPEN, 2, 7, None, id="open with more: hands off"),
        pytest.param(OPEN, 0, 0, None, id="open with no instances wanted: nothing to begin with"),
        pytest.param(OPEN, 0, 3, None, id="open with none wanted and some there: the operator's to settle"),
        pytest.param(CLOSED, 2, 0, None, id="closed and stopped: nothing to do"),
        pytest.param(CLOSED, 2, 1, 0, id="closed and running: stop"),
        pytest.param(CLOSED, 2, 7, 0, id="closed and scaled up: stop"),
    ],
)
def test_what_is_wanted(
    build_model: Callable[..., PublishedModel], instant: datetime, instances: int, current: int, wanted: int | None
) -> None:
    assert plan_of(build_model, instances=instances).replicas_at(instant, current) == wanted


def test_a_plan_is_read_as_it_was_written(build_model: Callable[..., PublishedModel]) -> None:
    plan = plan_of(build_model, instances=2)
    assert SchedulePlan.parse_json(plan.dump_json(), where="cups-schedule") == plan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "cups-schedule: not JSON", id="nothing"),
        pytest.param('{"instances": 1}', "cups-schedule: schedule: missing", id="no schedule"),
        pytest.param('{"instances": -1, "schedule": %s}', "cups-schedule: instances: ", id="a number below zero"),
    ],
)
def test_something_else_is_told_by_its_path(text: str, message: str) -> None:
    with pytest.raises(InvalidManifest, match=message):
        SchedulePlan.parse_json(
            text.replace("%s", '{"windows": [{"start": "09:00", "end": "17:00"}]}'), "cups-schedule"
        )
