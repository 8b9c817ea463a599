"""What a schedule's Jobs do: right in whatever order their calls come, and patient with an API server in trouble."""

from __future__ import annotations

import json
import logging
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.schedule import state_at
from modelport_operator import schedule_job
from modelport_operator.api_server import ApiError
from modelport_operator.schedule_job import persist, settle
from modelport_operator.schedule_plan import SchedulePlan

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
PLAN = json.dumps({"schedule": {"windows": [{"start": "09:00", "end": "17:00"}]}, "instances": 2})
SCHEDULE = SchedulePlan.parse_json(PLAN, "plan").schedule
LEAST, MOST = 2, 8


class Turn:
    """Gives way to the test before each call."""

    def __await__(self) -> Generator[None]:
        yield


@dataclass
class Server:
    """The API server with one Deployment and its schedule."""

    now: datetime = MIDNIGHT
    replicas: int = 0
    version: int = 1
    plan: str = PLAN
    scalings: list[tuple[int, int]] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def scale(self, replicas: int) -> None:
        self.scalings.append((self.replicas, replicas))
        self.replicas, self.version = replicas, self.version + 1

    def answer(self, method: str, path: str, body: Any) -> Any:
        if path == "/api/v1/namespaces/vision/configmaps/cups-schedule":
            assert method == "GET"
            return {"data": {"schedule.json": self.plan}}
        assert path == "/apis/apps/v1/namespaces/vision/deployments/cups/scale"
        if method == "PATCH":
            if body["metadata"].get("resourceVersion") not in (None, str(self.version)):
                raise ApiError("the object has been modified", 409, "Conflict")
            self.scale(body["spec"]["replicas"])
        metadata = {"name": "cups", "namespace": "vision", "resourceVersion": str(self.version), "uid": "f00d"}
        # As in Go, where a zero is left out.
        spec = {"replicas": self.replicas} if self.replicas else {}
        return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": spec}


class TurnServer(Server):
    async def call(self, method: str, path: str, body: Any = None, query: Any = None, content_type: str = "") -> Any:
        await Turn()
        return self.answer(method, path, body)


class Runs:
    """Jobs under way, each between two of its calls."""

    def __init__(self, server: TurnServer) -> None:
        self.server = server
        self.under_way: list[Coroutine[None, None, str]] = []

    def start(self) -> None:
        run = settle(self.server, "vision", "cups", self.server.clock)
        run.send(None)
        self.under_way.append(run)

    def step(self, index: int) -> None:
        run = self.under_way[index % len(self.under_way)]
        try:
            run.send(None)
        except StopIteration:
            self.under_way.remove(run)
        except ApiError as error:
            if error.status != 409:
                raise
            self.under_way.remove(run)
            self.start()

    def replace(self, index: int) -> None:
        """Do as `concurrencyPolicy: Replace` does."""
        self.under_way.pop(index % len(self.under_way)).close()
        self.start()


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([20, 240, 480])),
        st.tuples(st.just("start"), st.integers(0, 2)),
        st.tuples(st.just("step"), st.integers(0, 3)),
        st.tuples(st.just("replace"), st.integers(0, 3)),
        st.tuples(st.just("autoscale"), st.integers(LEAST, MOST)),
    ),
    max_size=20,
)


@given(hour=st.sampled_from([8, 12, 20]), replicas=st.sampled_from([0, LEAST, MOST]), actions=ACTIONS)
def test_late_doubled_missed_and_mixed_runs_end_in_the_state_that_the_schedule_wants(
    hour: int, replicas: int, actions: list[tuple[str, int]]
) -> None:
    server = TurnServer(now=MIDNIGHT + timedelta(hours=hour), replicas=replicas)
    runs = Runs(server)
    for what, number in actions:
        match what:
            case "wait":
                server.now += timedelta(minutes=number)
            case "start":
                runs.start()
                for _ in range(number):
                    runs.step(-1)
            case "autoscale" if server.replicas:
                server.replicas, server.version = number, server.version + 1
            case "step" | "replace" if runs.under_way:
                getattr(runs, what)(number)
    runs.start()  # of all runs that the last transition calls for, one is enough
    while runs.under_way:
        runs.step(-1)  # the newest first, which is the worst order
    assert bool(server.replicas) == (state_at(SCHEDULE, server.now) == "Open")
    assert all(after == 0 or (before, after) == (0, LEAST) for before, after in server.scalings), "never fights"


def test_a_run_that_is_held_up_over_a_transition_puts_its_own_mistake_right() -> None:
    server = TurnServer(now=datetime(2026, 11, 22, 16, 59, 59, tzinfo=UTC))
    runs = Runs(server)
    runs.start()
    runs.step(0)
    runs.step(0)  # it has looked: open, and stopped
    server.now += timedelta(seconds=1)
    runs.start()
    while len(runs.under_way) > 1:
        runs.step(1)  # the one that belongs to the transition finds all well: closed, and stopped
    while runs.under_way:
        runs.step(0)
    assert server.scalings == [(0, 2), (2, 0)]


class TroubledServer(Server):
    def __init__(self, *troubles: ApiError, **parts: Any) -> None:
        super().__init__(**parts)
        self.troubles = list(troubles)
        self.calls = 0

    async def call(self, method: str, path: str, body: Any = None, query: Any = None, content_type: str = "") -> Any:
        self.calls += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return self.answer(method, path, body)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_job, "delay", lambda failures: 0.001 * failures)


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
AWAY = ApiError("the API server does not answer: refused")


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([AWAY, AWAY, AWAY], id="an API server that is away"),
        pytest.param([ApiError("etcd has no leader", 500)], id="one that fails"),
        pytest.param([ApiError("the object has been modified", 409)], id="a Deployment that changes meanwhile"),
        pytest.param([ApiError("too many requests", 429, retry_after=0.002)], id="one that is busy"),
    ],
)
async def test_trouble_passes(troubles: list[ApiError]) -> None:
    server = TroubledServer(*troubles, now=NOON)
    assert await persist(server, "vision", "cups", server.clock) == "cups was scaled from 0 to 2"
    assert server.replicas == 2


async def test_a_model_that_is_as_wanted_costs_two_reads_and_no_write() -> None:
    server = TroubledServer(now=NOON, replicas=5)
    told = await persist(server, "vision", "cups", server.clock)
    assert told == "cups is as its schedule wants, with replicas: 5"
    assert (server.calls, server.scalings) == (2, [])


async def test_what_is_gone_needs_nothing() -> None:
    server = TroubledServer(ApiError('deployments.apps "cups" not found', 404, "NotFound"))
    assert await persist(server, "vision", "cups", server.clock) == 'nothing to do: deployments.apps "cups" not found'


@pytest.mark.parametrize(
    ("troubles", "calls"),
    [
        pytest.param([ApiError("forbidden", 403)] * 2, 1, id="a refusal is not tried again"),
        pytest.param([ApiError("busy", 429, retry_after=60.0)] * 2, 1, id="nor is a server that is busy for too long"),
        pytest.param([AWAY] * 100, 9, id="patience ends"),
    ],
)
async def test_trouble_that_stays_is_told(troubles: list[ApiError], calls: int) -> None:
    server = TroubledServer(*troubles)
    with pytest.raises(ApiError, match=str(troubles[0])):
        await persist(server, "vision", "cups", server.clock, patience=0.045)
    assert 1 <= server.calls <= calls


@pytest.mark.parametrize(
    ("failure", "code", "line"),
    [
        pytest.param(None, 0, "cups was scaled from 0 to 2", id="done"),
        pytest.param(AWAY, 1, f"the schedule of cups could not be kept: {AWAY}", id="not done"),
    ],
)
def test_the_command_ends_with_one_line(
    failure: ApiError | None,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def keep(namespace: str, name: str) -> str:
        assert (namespace, name) == ("vision", "cups")
        if failure is not None:
            raise failure
        return line

    monkeypatch.setattr(schedule_job, "keep_schedule", keep)
    monkeypatch.setattr(schedule_job.logs, "configure", lambda: None)
    with caplog.at_level(logging.INFO):
        assert schedule_job.main(["--namespace=vision", "--name=cups"]) == code
    assert caplog.messages == [line]
