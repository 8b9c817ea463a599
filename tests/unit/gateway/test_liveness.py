"""When Triton has to be started again, and when it must be left in peace."""

from __future__ import annotations

import pytest

from modelport.api import ServedModel, parse_manifest
from modelport.gateway import models as module
from modelport.gateway.errors import BadUpstream, InternalError, ProcessDied, Unavailable
from modelport.gateway.formats.base import VersionState
from modelport.gateway.liveness import LOST_SECONDS, SLOW_SECONDS, find_ailment
from modelport.gateway.models import Models
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta, TensorSpec

LIMIT = 60.0 + SLOW_SECONDS
"""Of a model with the default time limit."""


class FakeTriton:
    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.state = "READY"
        self.gone = False

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        if self.gone:
            raise Unavailable("gone")
        return {"m": (VersionState(1, self.state),)}

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        spec = {"x": TensorSpec("x", "FP32", (-1,))}
        return ModelMeta(name, version, "", 8, spec, spec)

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        if self.failure:
            raise self.failure
        return InferResult(request.inputs, meta.version)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def triton() -> FakeTriton:
    return FakeTriton()


@pytest.fixture
def models(triton: FakeTriton, clock: Clock) -> Models:
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "m"},
        "spec": {"model": {"format": "ONNX", "source": {"uri": "file:m"}}},
    }
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": ServedModel(resource=parse_manifest(manifest, where="test"))})
    return models


async def test_a_triton_that_was_never_reached_is_starting(models: Models, triton: FakeTriton, clock: Clock) -> None:
    triton.gone = True
    await models.refresh()
    assert find_ailment(models, clock.now + 3600) is None


async def test_a_triton_that_was_lost_has_some_seconds_to_come_back(
    models: Models, triton: FakeTriton, clock: Clock
) -> None:
    await models.refresh()
    triton.gone = True
    await models.refresh()
    clock.now += LOST_SECONDS
    await models.refresh()
    assert find_ailment(models, clock.now) is None
    assert find_ailment(models, clock.now + 1) == "Triton has not answered for 16 s"
    triton.gone = False
    await models.refresh()
    assert find_ailment(models, clock.now + 1) is None


@pytest.mark.parametrize("state", ["LOADING", "UNAVAILABLE", "UNLOADING"])
async def test_a_version_that_is_not_ready_is_nothing_to_restart_for(
    models: Models, triton: FakeTriton, clock: Clock, state: str
) -> None:
    triton.state = state
    await models.refresh()
    await models.probe()
    assert find_ailment(models, clock.now + 3600) is None


FAILURES: dict[str, tuple[BaseException | None, float | None]] = {
    "an answer": (None, None),
    "a refusal is an answer": (InternalError("refuses zeros"), None),
    "a process that died": (ProcessDied("stub"), 0.0),
    "no time for an answer": (TimeoutError(), LIMIT),
    "a full queue": (Unavailable("full"), LIMIT),
    "nonsense": (BadUpstream("no contents"), LIMIT),
}


@pytest.mark.parametrize(("failure", "patience"), FAILURES.values(), ids=FAILURES)
async def test_how_long_a_ready_model_may_be_silent(
    models: Models, triton: FakeTriton, clock: Clock, failure: BaseException | None, patience: float | None
) -> None:
    triton.failure = failure
    await models.refresh()
    await models.probe()
    began = clock.now
    clock.now += 7
    await models.refresh()
    await models.probe()  # the silence began with the first
    if patience is None:
        assert find_ailment(models, began + 3600) is None
    else:
        assert (find_ailment(models, began + patience) is None) == (patience > 0)
        assert "model m, version 1: " in str(find_ailment(models, began + patience + 1))
    triton.failure = None
    await models.probe()
    assert find_ailment(models, clock.now) is None


async def test_a_model_that_answers_others_meanwhile_is_only_slow(
    models: Models, triton: FakeTriton, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelport.gateway.live_model.monotonic", clock)
    triton.failure = TimeoutError()
    await models.refresh()
    await models.probe()
    clock.now += LIMIT
    models.get("m").answered(1)
    assert find_ailment(models, clock.now + LIMIT) is None
    assert find_ailment(models, clock.now + LIMIT + 1) is not None
