"""Models that Triton has, and has not, as their schedules open and close."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from modelport.api.serving import model_file
from modelport.gateway.formats.base import VersionState
from modelport.local import publisher as publisher_module
from modelport.local.errors import LoadError
from modelport.local.healing import find_silent
from modelport.local.manifests import Manifest
from modelport.local.publisher import Publisher
from modelport.local.schedules import follow_schedules
from modelport.local.state import opened_state
from modelport.repository.formats.base import ModelSignature
from modelport.repository.publish import Published

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
MUCH_LATER = NOW + timedelta(hours=2)
ALWAYS = {"start": "00:00", "end": "24:00"}
CLOSED = {"schedule": {"windows": [ALWAYS], "override": {"until": LATER.isoformat(), "state": "Stopped"}}}


@dataclass
class FakeTriton:
    asked: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def load(self, name):
        self.asked.append(f"load {name}")
        if self.failure:
            raise self.failure

    async def settled(self, name):
        return []

    async def unload(self, name):
        self.asked.append(f"unload {name}")


class Display:
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text.strip())

    def transferred(self, *_):
        pass


@pytest.fixture
def publisher(tmp_path, monkeypatch):
    def prepare(resource, *, target, **_):
        name = resource.metadata.name
        (target / name).mkdir(exist_ok=True)
        return Published(name, target / name, (1,), "sha256:" + "0" * 64, 1, (), ModelSignature({}), True)

    monkeypatch.setattr(publisher_module, "prepare", prepare)
    with opened_state(tmp_path / "state") as state:
        yield Publisher(state, FakeTriton(), None, Display())


@pytest.fixture
def manifest(make_resource, tmp_path):
    return lambda name, **spec: Manifest(tmp_path / f"{name}.yaml", make_resource(name, **spec))


async def start(publisher, *manifests):
    await publisher.publish_all(manifests, await publisher.prepare_all(manifests))


async def test_a_closed_model_is_checked_and_told_and_not_loaded(publisher, manifest):
    await start(publisher, manifest("day"), manifest("night", execution=CLOSED))
    assert publisher.triton.asked == ["load day"]
    assert "night: checked, version 1, 1e-06 MB" in publisher.display.said
    assert "night: stopped by its schedule" in publisher.display.said
    assert set(publisher.served) == {"day", "night"}


async def test_it_is_loaded_once_when_it_opens_and_unloaded_once_when_it_closes(publisher, manifest):
    await start(publisher, manifest("night", execution=CLOSED))
    for now in (NOW, LATER, MUCH_LATER, NOW, NOW):
        await publisher.follow_schedules(now)
    assert publisher.triton.asked == ["load night", "unload night"]


async def test_a_model_without_a_schedule_stays(publisher, manifest):
    await start(publisher, manifest("day"))
    await publisher.follow_schedules(MUCH_LATER)
    assert publisher.triton.asked == ["load day"]


async def test_a_triton_that_starts_anew_gets_the_open_models_only(publisher, manifest):
    await start(publisher, manifest("day"), manifest("night", execution=CLOSED))
    await publisher.load_again()
    assert publisher.triton.asked == ["load day", "load day"]


async def test_a_model_that_cannot_be_loaded_when_it_opens_is_told_once(publisher, manifest, caplog):
    await start(publisher, manifest("night", execution=CLOSED))
    publisher.triton.failure = LoadError("out of memory")
    await publisher.follow_schedules(LATER)
    await publisher.follow_schedules(MUCH_LATER)
    assert caplog.text.count("out of memory") == 1


async def test_an_edit_that_closes_a_model_is_told_to_the_gateway_before_it_is_unloaded(publisher, manifest):
    await start(publisher, manifest("half"))
    await publisher.update([manifest("half", execution=CLOSED)])
    assert "override" in model_file(publisher.state.serving, "half").read_text()
    assert publisher.triton.asked == ["load half"]
    await publisher.follow_schedules(NOW)
    await publisher.update([manifest("half")])
    assert publisher.triton.asked == ["load half", "unload half", "load half"]


async def test_a_closed_model_that_is_removed_is_not_unloaded_again(publisher, manifest):
    await start(publisher, manifest("night", execution=CLOSED))
    await publisher.update([])
    assert publisher.triton.asked == []
    assert publisher.stopped == set()


async def test_the_clock_is_looked_at_for_ever():
    seen = asyncio.Queue()
    task = asyncio.create_task(follow_schedules(seen.put))
    assert (await asyncio.wait_for(seen.get(), 5)).tzinfo is UTC
    task.cancel()


def test_a_stopped_model_is_not_taken_for_one_that_hangs():
    told = {"ready": False, "state": "UNAVAILABLE"}
    models = {"night": {**told, "reason": "StoppedBySchedule"}, "hung": {**told, "reason": "it does not answer"}}
    assert find_silent({"models": models}, {name: [VersionState(1, "READY")] for name in models}) == ["hung"]
