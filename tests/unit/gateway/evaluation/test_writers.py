"""The writers of all models follow the configuration, and say to who asks whether pictures are stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelport.api import ServedModel, parse_manifest
from modelport.gateway.evaluation import Sinks, Writers
from modelport.gateway.evaluation.writer import WriterLimits
from modelport.gateway.formats.base import Flagged
from modelport.gateway.metrics import GatewayMetrics

FLAGGED = Flagged(b"\xff\xd8\xff picture", b"{}", 0.9)
Counted = Callable[[], dict[str, float]]


def served(sink: str | None, name: str = "shapes", **evaluation: Any) -> ServedModel:
    block = evaluation | ({"sink": {"uri": sink}} if sink else {})
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": name},
        "spec": {
            "model": {"format": "ONNX", "source": {"uri": "file:m"}},
            "io": {"task": "ImageClassification"},
            "evaluation": block,
        },
    }
    return ServedModel(resource=parse_manifest(manifest, where="test"), digest="sha256:" + "0" * 64)


@pytest.fixture
def writers(metrics: GatewayMetrics) -> Iterator[Writers]:
    writers = Writers(Sinks(folders=True), metrics, WriterLimits(pauses=()))
    yield writers
    writers.close(10)


def stored(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.rglob("*") if path.is_file())


def test_a_flagged_picture_is_stored(writers: Writers, tmp_path: Path, counted: Counted) -> None:
    model = served(tmp_path.as_uri())
    writers.apply([model])
    assert writers.states() == {"shapes": {"ok": True}}
    writers.offer(model, "3", "abc", FLAGGED)
    writers.close(10)
    assert stored(tmp_path) == [".jpg", ".json"]
    assert counted() == {"stored_total": 1}


def test_a_model_without_a_sink_stores_nothing(writers: Writers, counted: Counted) -> None:
    model = served(None)
    writers.apply([model])
    writers.offer(model, "3", "abc", FLAGGED)
    writers.close(10)
    assert (writers.states(), counted()) == ({}, {})


def test_a_sink_that_cannot_be_written_to_is_told_before_the_first_picture(writers: Writers, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    writers.apply([served(folder.as_uri())])
    state = writers.states()["shapes"]
    assert (state["ok"], state["reason"]) == (False, "missing")
    assert state["message"] == f"{folder.as_uri()} is no folder that exists; make it first"
    assert state["since"].endswith("Z")

    folder.mkdir()
    writers.offer(served(folder.as_uri()), "3", "abc", FLAGGED)
    writers.close(10)
    assert writers.states()["shapes"] == {"ok": True}
    assert stored(folder) == [".jpg", ".json"]


def test_each_picture_goes_to_the_sink_that_it_was_flagged_for(writers: Writers, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        model = served((tmp_path / name).as_uri(), uploadGroups=["night"])
        writers.apply([model])
        writers.offer(model, "3", "abc", FLAGGED)
    writers.apply([])
    writers.offer(model, "3", "abc", FLAGGED)
    writers.close(10)
    assert writers.states() == {}
    assert [stored(tmp_path / name / "night") for name in ("old", "new")] == [[".jpg", ".json"]] * 2


def test_a_sink_that_hangs_holds_up_no_other_model(
    sink: Any, metrics: GatewayMetrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    sink.gate = threading.Event()
    open_sink = Sinks.open
    monkeypatch.setattr(Sinks, "open", lambda self, to: sink if to.uri.startswith("s3:") else open_sink(self, to))
    writers = Writers(Sinks(folders=True), metrics)
    models = [served("s3://bucket/x", "hanging"), served(tmp_path.as_uri(), "well")]
    writers.apply(models)
    for model in models:
        writers.offer(model, "3", "abc", FLAGGED)
    writers.close(0.5)
    assert stored(tmp_path) == [".jpg", ".json"]
    assert counted() == {"stored_total": 1, "failed_total stopped": 1}
