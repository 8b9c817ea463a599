"""`modelport loadtest` sends the sample models right requests, made from what the gateway says of them."""

from __future__ import annotations

import json

import pytest
from PIL import Image

MODELS = ["half_plus_two", "saved_model_half_plus_three", "echo", "ripeness", "shapes"]


@pytest.mark.parametrize("api", ["tensorflow-serving", "open-inference"])
@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_rows_made_for_it(served, run_modelport, tmp_path, monkeypatch, model, api):
    monkeypatch.setenv("MODELPORT_KEY", served.keys.get(model, ""))
    report = tmp_path / "report.json"
    done = run_modelport(
        "loadtest", model, "--url", served.url, "--api", api, "-n", 20, "-c", 4, "--batch", 3, "--json", report
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(report.read_text())["results"]
    assert (results["successful"], results["failed"]) == (20, 0)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("rectangles", []),
        ("shapes", ["--api", "nexus", "--file", "models/pictures/cross.png"]),
        ("rectangles", ["--api", "nnc", "--file", "rectangles.jpg"]),
    ],
    ids=["the example of its first API", "a picture", "a picture whose type is declared"],
)
def test_a_model_takes_the_gateways_own_example(served, examples, run_modelport, tmp_path, monkeypatch, model, words):
    Image.open(examples / "models/pictures/rectangles.png").save(tmp_path / "rectangles.jpg")
    (tmp_path / "models").symlink_to(examples / "models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELPORT_KEY", served.keys[model])
    done = run_modelport("loadtest", model, "--url", served.url, "-n", 10, "-c", 2, *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missing_key_is_asked_for(served, run_modelport, monkeypatch):
    monkeypatch.delenv("MODELPORT_KEY", raising=False)
    done = run_modelport("loadtest", "half_plus_two", "--url", served.url)
    assert done.returncode == 1
    assert "answered 401" in done.stderr
    assert "give the model's key in MODELPORT_KEY or by --key" in done.stderr


def test_a_model_that_is_not_served_is_named(served, run_modelport):
    done = run_modelport("loadtest", "nobody", "--url", served.url)
    assert done.returncode == 1
    assert "no example request for a model 'nobody', only for " in done.stderr
    assert "half_plus_two" in done.stderr
