from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelport.gateway.metrics import GatewayMetrics
from modelport.gateway.metrics.accounts import Accounts, State

HALF = ("half", "vision")
UP, STOPPED, DOWN = State.UP, State.STOPPED, State.DOWN


def booked(states: Sequence[State | None], *, triton: Sequence[int | None] | None = None) -> dict[str, float]:
    """What stands in the books after one look every ten seconds; None where the model is not configured."""
    metrics = GatewayMetrics()
    accounts = Accounts(metrics, 100.0)
    for number, state in enumerate(states, start=1):
        seen = {HALF: state} if state is not None else {}
        accounts.tell(seen, triton[number - 1] if triton else 0, 100.0 + 10 * number)
    text = metrics.render(None)[0].decode()
    return {
        sample.name.removeprefix("modelport_").removeprefix("model_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


@pytest.mark.parametrize(
    ("states", "up", "stopped", "down"),
    [
        pytest.param([UP], 0, 0, 0, id="the first look begins the account"),
        pytest.param([UP, UP, UP], 20, 0, 0, id="up"),
        pytest.param([DOWN, DOWN, UP, UP], 20, 0, 10, id="loading, then up"),
        pytest.param([UP, STOPPED, STOPPED, UP], 10, 20, 0, id="stopped in between"),
        pytest.param([UP, DOWN, STOPPED, UP], 10, 10, 10, id="each under its own name"),
        pytest.param([UP, UP, None, None, UP, UP], 20, 0, 0, id="away from the configuration, nobody's time"),
    ],
)
def test_time_is_booked_under_the_state_of_the_model(
    states: list[State | None], up: float, stopped: float, down: float
) -> None:
    books = booked(states)
    assert books["uptime_seconds_total"] == up
    assert books["planned_downtime_seconds_total"] == stopped
    assert books["unplanned_downtime_seconds_total"] == down
    assert books["instance_seconds_total"] == up + down


@pytest.mark.parametrize(
    ("states", "starts", "seconds"),
    [
        pytest.param([DOWN, DOWN], 0, 0, id="a model that has not answered has not started"),
        pytest.param([DOWN, DOWN, UP, UP], 1, 30, id="from the wish to the first answer"),
        pytest.param([UP, DOWN, UP], 1, 10, id="coming back after a fall is no start"),
        pytest.param([UP, STOPPED, STOPPED, DOWN, UP], 2, 10 + 30, id="coming back after a stop is one"),
        pytest.param([UP, None, DOWN, UP], 2, 10 + 20, id="and so is coming back to the configuration"),
    ],
)
def test_starts_are_timed(states: list[State | None], starts: int, seconds: float) -> None:
    books = booked(states)
    assert books.get("cold_start_seconds_count", 0) == starts
    assert books.get("cold_start_seconds_sum", 0) == seconds


@pytest.mark.parametrize(
    ("triton", "restarts"),
    [
        pytest.param([None, None, 0], 0, id="the first start is no restart"),
        pytest.param([None, 3, 3], 0, id="nor are attempts before it"),
        pytest.param([0, None, None, 1], 1, id="gone and back"),
        pytest.param([0, None, 1, None, 2], 2, id="twice"),
        pytest.param([0, 1, 1], 1, id="gone and back between two looks"),
        pytest.param([0, None], 0, id="gone and not back"),
    ],
)
def test_tritons_restarts_are_counted(triton: list[int | None], restarts: int) -> None:
    assert booked([UP] * len(triton), triton=triton)["triton_restarts_total"] == restarts
