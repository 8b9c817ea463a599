"""Triton dies and comes back, or does not: what becomes of requests meanwhile.

We test these aspects: what was with the dead Triton and what comes after its death; that nothing is sent three times,
and nothing of a sequence twice; the end of patience; that a Triton which is there is taken at its word; readiness.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from modelport.api import ServedModel, parse_manifest
from modelport.gateway import outage
from modelport.gateway.coalesce import Trip
from modelport.gateway.errors import QueueFull, Unavailable
from modelport.gateway.formats.base import VersionState
from modelport.gateway.live_model import LiveModel
from modelport.gateway.models import Models
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta, TensorSpec


@dataclass
class MortalTriton:
    """y = 2x, while it lives. A test kills it between requests, or it dies of a value."""

    sequence: bool = False
    deadly: float | None = None
    alive: bool = True
    loaded: bool = True
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[list[float]] = field(default_factory=list)

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        if not self.alive:
            raise Unavailable("gone")
        return {"m": (VersionState(1, "READY" if self.loaded else "LOADING"),)}

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        spec = {"x": TensorSpec("x", "FP32", (-1,))}
        return ModelMeta(name, version, "", 8, spec, spec, sequence=self.sequence)

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        values = request.inputs["x"].tolist()
        self.calls.append(values)
        self.alive &= self.deadly not in values
        if self.alive:
            await self.gate.wait()
        if not self.alive:
            raise Unavailable("gone")
        return InferResult({"x": 2 * request.inputs["x"]}, meta.version)


class Serving:
    """A model before a Triton that a test kills."""

    def __init__(self, triton: MortalTriton, models: Models) -> None:
        self.triton, self.models = triton, models

    @property
    def model(self) -> LiveModel:
        return self.models.get("m")

    def ask(self, value: float) -> asyncio.Task[float]:
        async def ask() -> float:
            request = InferRequest({"x": np.array([value], np.float32)})
            result = await self.model.coalescer.infer(self.model.resolve(None), request, "key", Trip())
            return float(result.outputs["x"][0])

        return asyncio.create_task(ask())

    async def kill(self) -> None:
        """Kill Triton; what is with it fails, and the gateway looks."""
        self.triton.alive = False
        self.triton.gate.set()
        await self.models.refresh()

    async def lost(self) -> None:
        """Return when a request that failed has had the gateway look."""
        while self.models.triton_up:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def start(self) -> None:
        self.triton.alive = True
        await self.models.refresh()


def served(**limits: int) -> ServedModel:
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "m"},
        "spec": {"model": {"format": "ONNX", "source": {"uri": "file:m"}}, "limits": limits},
    }
    return ServedModel(resource=parse_manifest(manifest, where="test"))


async def serve(triton: MortalTriton, **limits: int) -> Serving:
    models = Models(triton)  # type: ignore[arg-type]
    models.apply({"m": served(**limits)})
    await models.refresh()
    return Serving(triton, models)


async def test_all_are_answered_once_triton_is_back() -> None:
    serving = await serve(MortalTriton())
    early = [serving.ask(value) for value in (1, 2, 3)]
    await asyncio.sleep(0)
    await serving.kill()
    late = [serving.ask(value) for value in (4, 5)]
    await asyncio.sleep(0.01)
    assert not serving.model.ready
    assert not any(task.done() for task in early + late)
    await serving.start()

    assert await asyncio.gather(*early, *late) == [2, 4, 6, 8, 10]
    assert serving.model.ready


async def test_a_triton_that_is_back_without_its_model_is_waited_for_too() -> None:
    serving = await serve(MortalTriton())
    early = serving.ask(1)
    await asyncio.sleep(0)
    await serving.kill()
    serving.triton.loaded = False
    await serving.start()
    late = serving.ask(2)
    await asyncio.sleep(0.01)
    assert not early.done()
    serving.triton.loaded = True
    await serving.start()

    assert await asyncio.gather(early, late) == [2, 4]


async def test_what_triton_dies_of_is_sent_twice_and_no_more() -> None:
    serving = await serve(MortalTriton(deadly=13.0))
    deadly = serving.ask(13)
    for _ in range(2):
        await serving.lost()
        await serving.start()

    with pytest.raises(Unavailable, match="gone"):
        await deadly
    assert serving.triton.calls == [[13.0], [13.0]]


async def test_nothing_of_a_sequence_is_sent_again_or_held() -> None:
    serving = await serve(MortalTriton(sequence=True))
    early = serving.ask(1)
    await asyncio.sleep(0)
    await serving.kill()

    for task in (early, serving.ask(2)):
        with pytest.raises(Unavailable):
            await task
    assert serving.triton.calls == [[1.0]]


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "HOLD_SECONDS", 0.2)
    serving = await serve(MortalTriton())
    early = serving.ask(1)
    await asyncio.sleep(0)
    await serving.kill()

    with pytest.raises(Unavailable, match="not come back") as raised:
        await early
    assert raised.value.retry_after
    with pytest.raises(Unavailable, match="starting or restarting"):
        await serving.ask(2)
    await serving.start()
    assert await serving.ask(3) == 6


async def test_those_who_wait_are_as_many_as_the_queue_takes() -> None:
    serving = await serve(MortalTriton(), queueLength=2)
    await serving.kill()
    held = [serving.ask(1), serving.ask(2)]
    await asyncio.sleep(0)

    with pytest.raises(QueueFull):
        await serving.ask(3)
    await serving.start()
    assert await asyncio.gather(*held) == [2, 4]


async def test_who_has_left_is_not_sent() -> None:
    serving = await serve(MortalTriton())
    await serving.kill()
    first = serving.ask(1)
    await asyncio.sleep(0.01)
    left = serving.ask(2)
    await asyncio.sleep(0.01)
    left.cancel()
    await serving.start()

    assert await first == 2
    assert serving.triton.calls == [[1.0]]
    assert serving.model.coalescer.length == 0


async def test_a_triton_that_is_there_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> InferResult:
        serving.triton.calls.append([])
        raise Unavailable("too many requests")

    triton = MortalTriton()
    monkeypatch.setattr(triton, "infer", refuse)
    serving = await serve(triton)

    with pytest.raises(Unavailable, match="too many"):
        await serving.ask(1)
    assert len(triton.calls) == 1


async def test_many_that_fail_at_once_ask_for_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await serve(MortalTriton())
    looks: list[int] = []
    monkeypatch.setattr(serving.models, "refresh", lambda: asyncio.sleep(0, looks.append(1)))
    await asyncio.gather(*(serving.models.look() for _ in range(9)))

    assert len(looks) == 1


async def test_a_triton_that_was_never_well_is_not_waited_for() -> None:
    serving = await serve(MortalTriton(alive=False))

    with pytest.raises(Unavailable, match="restarting"):
        await serving.ask(1)
