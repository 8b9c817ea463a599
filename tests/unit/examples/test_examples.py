"""The sample models and their manifests; that they serve is tried in `tests/triton`."""

from __future__ import annotations

import importlib
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from modelport.api import PublishedModel, model_name, parse_yaml
from modelport.repository.formats.registry import FORMATS

EXAMPLES = Path(__file__).parents[3] / "examples"
MANIFESTS = sorted(EXAMPLES.glob("*.yaml"), key=lambda file: int(file.name.partition("-")[0]))


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The modules build_models and shapes, imported as the script imports them."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    yield importlib.import_module("build_models"), importlib.import_module("shapes")
    for name in ("build_models", "brightness", "deliveries", "finders", "notes", "shapes"):
        sys.modules.pop(name, None)


def load(file: Path) -> PublishedModel:
    (resource,) = parse_yaml(file.read_text("utf-8"), file.name)
    return resource


def run(content: bytes, **inputs: Any) -> Any:
    return ReferenceEvaluator(onnx.load_from_string(content)).run(None, inputs)[0]


def test_the_manifests_stand_in_the_order_in_which_a_reader_learns() -> None:
    assert [model_name(load(file)) for file in MANIFESTS] == [
        "half_plus_two",
        "saved_model_half_plus_three",
        "echo",
        "ripeness",
        "shapes",
        "rectangles",
        "blobs",
        "deliveries",
        "brightness",
        "notes",
        "minutes",
    ]


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_a_manifest_names_a_model_that_the_script_makes(
    file: Path, scripts: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, _ = scripts
    monkeypatch.setattr(build, "shapes_files", lambda: {"shapes/model.onnx": b"trained for seconds"})
    folder = load(file).spec.model.source.uri.removeprefix("file:models/")
    assert folder in {path.partition("/")[0] for path in build.build()}


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_a_manifest_shows_a_command_for_its_model(file: Path) -> None:
    name = re.escape(model_name(load(file)))
    assert re.search(
        rf"http://localhost:8080/(v1/(models|external/models|\w+/classifiers)/)?{name}[:/]", file.read_text("utf-8")
    )


def test_the_small_models_compute_what_they_say(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    x = np.array([1, 2, 5], np.float32)
    assert run(build.onnx_bytes(build.HALF_PLUS_TWO), x=x).tolist() == [2.5, 3, 4.5]
    assert run(build.onnx_bytes(build.HALF_PLUS_THREE), x=x).tolist() == [3.5, 4, 5.5]


def test_the_rectangles_are_found_with_their_colours(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    finders = importlib.import_module("finders")
    picture = np.zeros((1, 3, 64, 64), np.float32)
    picture[0, 0, 10:20, 5:30] = 1
    picture[0, 2, 40:64, 32:64] = 0.75
    (head,) = run(build.onnx_bytes(finders.RECTANGLES, finders.rectangles_weights()), images=picture)
    found = head.T[head[4:].max(axis=0) > 0]
    assert found.tolist() == [[17.5, 15, 25, 10, 1, 0, 0], [48, 52, 32, 24, 0, 0, 0.75]]


def test_the_brighter_share_of_a_picture_follows_the_number_beside_it(
    scripts: tuple[ModuleType, ModuleType],
) -> None:
    build, _ = scripts
    brightness = importlib.import_module("brightness")
    picture = brightness.draw_picture().transpose(2, 0, 1)[np.newaxis].astype(np.float32) / 255
    thresholds = np.array([[0.25], [0.5], [1]], np.float32)
    shares = run(build.onnx_bytes(brightness.BRIGHTNESS), x1=np.repeat(picture, 3, axis=0), x2=thresholds)
    assert shares.tolist() == [[0.5], [0.25], [0]]


def test_every_note_is_heard_as_itself_and_silence_as_none(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    notes = importlib.import_module("notes")
    sounds = [*(notes.tone(label) / 32768 for label in notes.LABELS), np.zeros(notes.LENGTH)]
    batch = np.stack(sounds).astype(np.float32)[:, :, np.newaxis]
    heard = run(build.onnx_bytes(notes.NOTES, {"matrix": notes.matrix()}), x=batch)
    assert heard[:-1].argmax(axis=1).tolist() == list(range(12))
    assert heard[:-1].max(axis=1).min() > 0.9
    assert heard[-1] == pytest.approx(1 / 12)
    assert heard.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_deliveries_are_foretold_with_reasons_that_add_up(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    deliveries = importlib.import_module("deliveries")
    model = onnx.load_from_string(
        build.onnx_bytes(deliveries.DELIVERIES, weights := deliveries.fit_deliveries(np.random.default_rng(0)))
    )
    numbers, carriers, classes = deliveries.make_up(np.random.default_rng(1), 1000)
    words = np.array([*deliveries.CARRIERS, ""], object)[carriers]
    columns = dict(zip(deliveries.COLUMNS, (*numbers.T.astype(np.float32), words), strict=True))
    probabilities, contributions = ReferenceEvaluator(model).run(None, columns)
    assert (probabilities.argmax(axis=1) == classes).mean() > 0.85
    assert probabilities == pytest.approx(deliveries.softmax(contributions.sum(axis=2) + weights["bias"]), abs=1e-5)
    assert np.isnan(numbers).any()
    assert (contributions[:, :, :2].transpose(0, 2, 1)[np.isnan(numbers)] == 0).all(), "a missing number says nothing"
    assert (contributions[carriers == -1, :, 2] == 0).all(), "nor does a missing word"


def test_minutes_are_those_of_the_rule_behind_them(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    deliveries = importlib.import_module("deliveries")
    model = build.onnx_bytes(deliveries.MINUTES, deliveries.fit_minutes(np.random.default_rng(0)))
    features = np.array([[0, 0, 0], [100, 30, 8], [np.nan, 0, 0]], np.float32)
    minutes = run(model, features=features)
    assert minutes[:2].ravel() == pytest.approx([6, 168], abs=1)
    assert minutes[2] == pytest.approx(6 + 1.5 * 50, abs=5), "a missing distance is the mean one"


def test_the_two_versions_of_ripeness_agree_on_the_tensors_and_not_on_the_scores(
    scripts: tuple[ModuleType, ModuleType], tmp_path: Path
) -> None:
    build, _ = scripts
    fruit = {"colour": np.array([0.9], np.float32), "firmness": np.array([0.2], np.float32)}
    scores, signatures = [], []
    for version in (3, 4):
        (tmp_path / "model.onnx").write_bytes(build.ripeness(version))
        found = FORMATS["ONNX"].inspect(tmp_path)
        signatures.append((found.inputs, found.outputs))
        scores.append(run(build.ripeness(version), **fruit))
    assert signatures[0] == signatures[1]
    assert all(abs(row.sum() - 1) < 1e-6 for row in scores)
    assert abs(scores[0] - scores[1]).max() > 0.05


def test_the_same_script_makes_the_same_bytes(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    assert build.onnx_bytes(build.HALF_PLUS_TWO) == build.onnx_bytes(build.HALF_PLUS_TWO)


def test_pictures_show_every_shape_and_differ(scripts: tuple[ModuleType, ModuleType]) -> None:
    _, shapes = scripts
    pictures, classes = shapes.draw(np.random.default_rng(3), 200)
    assert pictures.shape == (200, 32, 32, 3)
    assert pictures.dtype == np.uint8
    assert set(classes) == {0, 1, 2, 3}
    assert len({picture.tobytes() for picture in pictures}) == 200


def test_training_follows_the_gradient(scripts: tuple[ModuleType, ModuleType]) -> None:
    _, shapes = scripts
    rng = np.random.default_rng(0)
    pictures, classes = shapes.draw(rng, 8)
    weights = {name: value.astype(np.float64) for name, value in shapes.initial_weights(rng).items()}

    def loss() -> float:
        logits = shapes.scores(weights, pictures)[0]
        return float((np.log(np.exp(logits).sum(1)) - logits[np.arange(8), classes]).mean())

    for name, gradient in shapes.gradients(weights, pictures, classes).items():
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        middle, step = weights[name][place], 1e-5
        weights[name][place] = middle + step
        above = loss()
        weights[name][place] = middle - step
        below = loss()
        weights[name][place] = middle
        assert gradient[place] == pytest.approx((above - below) / (2 * step), rel=1e-2), name


def test_the_onnx_model_scores_as_the_network_does(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, shapes = scripts
    rng = np.random.default_rng(0)
    weights, (pictures, _) = shapes.initial_weights(rng), shapes.draw(rng, 2)
    kernels = {name: value.transpose(3, 2, 0, 1) if value.ndim == 4 else value for name, value in weights.items()}
    logits = shapes.scores(weights, pictures)[0]
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert run(build.onnx_bytes(build.SHAPES, kernels), image=pictures) == pytest.approx(expected, abs=1e-5)


def test_pictures_are_real_pngs(scripts: tuple[ModuleType, ModuleType]) -> None:
    build, _ = scripts
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    content = build.png_bytes(picture)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (3, 2)
    start = content.index(b"IDAT") + 4
    rows = zlib.decompress(content[start:])
    assert rows == b"".join(b"\0" + row.tobytes() for row in picture)


class TestSecondRun:
    def test_what_is_whole_is_up_to_date(self, scripts: tuple[ModuleType, ModuleType], tmp_path: Path) -> None:
        build, _ = scripts
        assert not build.up_to_date(tmp_path)
        build.write(tmp_path, {"a/model": b"1", "b": b"2"})
        assert build.up_to_date(tmp_path)
        (tmp_path / "b").unlink()
        assert not build.up_to_date(tmp_path)

    def test_an_older_script_made_something_else(
        self, scripts: tuple[ModuleType, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build, _ = scripts
        build.write(tmp_path, {"a": b"1"})
        (tmp_path / "script").write_text("newer")
        monkeypatch.setattr(build, "SOURCES", (tmp_path / "script",))
        assert not build.up_to_date(tmp_path)

    def test_a_file_that_stays_the_same_is_not_touched(
        self, scripts: tuple[ModuleType, ModuleType], tmp_path: Path
    ) -> None:
        build, _ = scripts
        build.write(tmp_path, {"a": b"1", "b": b"1"})
        before = {name: (tmp_path / name).stat().st_ino for name in "ab"}
        build.write(tmp_path, {"a": b"1", "b": b"2"})
        assert (tmp_path / "a").stat().st_ino == before["a"]
        assert (tmp_path / "b").read_bytes() == b"2"
