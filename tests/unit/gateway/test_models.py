"""Which version answers, and what is said where none does."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic
from typing import Any

import pytest

from modelport.api import ServedModel, parse_manifest
from modelport.gateway import outage
from modelport.gateway.errors import BadRequest, BadUpstream, GatewayError, InternalError, ModelNotFound, Unavailable
from modelport.gateway.formats.base import VersionState
from modelport.gateway.live_model import LiveModel
from modelport.gateway.models import Models
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta, TensorSpec


class FakeTriton:
    def __init__(self, **versions: str) -> None:
        self.states = {int(number[1:]): state for number, state in versions.items()}
        self.failure: GatewayError | None = None
        self.gone = False
        self.hangs = False
        self.reads = 0

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        if self.gone:
            raise Unavailable("gone")
        return {"m": tuple(VersionState(number, state, "") for number, state in self.states.items())}

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        self.reads += 1
        spec = {"x": TensorSpec("x", "FP32", (-1,))}
        return ModelMeta(name, version, "", 8, spec, spec)

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        if self.hangs:
            await asyncio.sleep(60)
        if self.failure:
            raise self.failure
        return InferResult(request.inputs, meta.version)


def served(**versions: Any) -> ServedModel:
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "m"},
        "spec": {"model": {"format": "ONNX", "source": {"uri": "file:m"}, "versions": versions}},
    }
    return ServedModel(resource=parse_manifest(manifest, where="test"))


async def looked(triton: FakeTriton, **versions: Any) -> LiveModel:
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": served(**versions)})
    await models.refresh()
    return models.get("m")


async def test_the_newest_ready_version_answers() -> None:
    model = await looked(FakeTriton(v3="READY", v4="READY", v5="LOADING"))

    assert model.resolve(None).version == 4
    assert model.resolve(3).version == 3
    assert model.ready


ABSENT = {
    "a version that is loading": ({"v4": "LOADING"}, 4, Unavailable),
    "no version that is ready": ({"v4": "UNAVAILABLE"}, None, Unavailable),
    "a version that does not exist": ({"v4": "READY"}, 5, ModelNotFound),
    "a model that Triton does not have": ({}, None, Unavailable),
    "any version of a model that Triton does not have": ({}, 1, Unavailable),
}


@pytest.mark.parametrize(("states", "version", "error"), ABSENT.values(), ids=ABSENT)
async def test_says_why_it_cannot_answer(
    states: dict[str, str], version: int | None, error: type[GatewayError]
) -> None:
    model = await looked(FakeTriton(**states))

    with pytest.raises(error) as raised:
        model.resolve(version)
    assert (raised.value.retry_after is not None) == (error is Unavailable)


async def test_labels_name_versions_and_unknown_ones_are_the_callers_fault() -> None:
    model = await looked(FakeTriton(v3="READY"), policy="All", labels={"stable": 3})

    assert model.version_of("stable") == 3
    with pytest.raises(BadRequest, match="canary; declared labels: stable"):
        model.version_of("canary")


async def test_traffic_is_shared_among_the_versions_that_are_ready() -> None:
    traffic = [{"version": 3, "percent": 90}, {"version": 4, "percent": 10}]
    both = await looked(FakeTriton(v3="READY", v4="READY"), policy="All", traffic=traffic)
    one = await looked(FakeTriton(v3="READY", v4="LOADING"), policy="All", traffic=traffic)
    drawn = Counter(both.resolve(None).version for _ in range(2000))

    assert 1700 < drawn[3] < 1900
    assert drawn[3] + drawn[4] == 2000
    assert {one.resolve(None).version for _ in range(50)} == {3}


async def test_while_triton_is_gone_for_long_every_model_asks_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "HOLD_SECONDS", 0.0)
    triton = FakeTriton(v1="READY")
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": served()})
    await models.refresh()
    triton.gone = True
    await models.refresh()

    with pytest.raises(Unavailable, match="restarting"):
        models.get("m").resolve(None)
    assert not models.triton_up
    triton.gone = False
    await models.refresh()
    assert models.get("m").resolve(None).version == 1


@pytest.mark.parametrize(
    ("failure", "ready"),
    [
        (Unavailable("stub"), False),
        (BadUpstream("no contents"), False),
        (InternalError("refuses zeros"), True),
        (None, True),
    ],
    ids=["silence", "nonsense", "a refusal is an answer", "an answer"],
)
async def test_ready_means_that_the_model_answers(failure: GatewayError | None, ready: bool) -> None:
    triton = FakeTriton(v1="READY")
    triton.failure = failure
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": served()})
    await models.refresh()
    await models.probe()

    assert models.get("m").ready is ready
    if not ready:
        assert "does not answer" in models.get("m").state.reason
        with pytest.raises(Unavailable):
            models.get("m").resolve(None)
        triton.failure = None
        await models.probe()
        assert models.get("m").ready


@pytest.mark.parametrize(
    ("waiting", "answered_ago", "ready"),
    [(0, 6, False), (1, 6, True), (1, 61, False)],
    ids=["idle", "at work", "at work for longer than a request may take"],
)
async def test_a_model_at_work_may_keep_a_probe_waiting(
    waiting: int, answered_ago: float, ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelport.gateway.models.PROBE_TIMEOUT", 0.01)
    triton = FakeTriton(v1="READY")
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": served()})
    await models.refresh()
    model = models.get("m")
    model.coalescer.length = waiting
    model.versions[1].answered = monotonic() - answered_ago
    triton.hangs = True
    await models.probe()
    assert model.ready is ready


async def test_metadata_is_read_again_only_when_the_resource_changes() -> None:
    triton = FakeTriton(v1="READY")
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": served()})
    await models.refresh()
    await models.refresh()
    assert triton.reads == 1
    models.apply({"m": served(policy="All")})
    await models.refresh()

    assert triton.reads == 2


async def test_a_model_that_left_the_configuration_is_unknown() -> None:
    models = Models(FakeTriton(v1="READY"))  # type: ignore[arg-type]
    models.apply({"m": served()})
    models.apply({})

    with pytest.raises(ModelNotFound, match=r"Servable not found for request: Latest\(m\)"):
        models.get("m")
