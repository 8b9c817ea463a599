"""The live half of a resource, which takes the place of what the resource has of the same.

We test these aspects: what it replaces, and what it leaves; when it comes, changes, goes, breaks or does not fit; and
that a change of a rate limit leaves the buckets as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelport.api import PublishedModelSpec
from modelport.gateway.app import Gateway
from modelport.gateway.config import GatewayOptions, ServingConfig, read_config
from modelport.gateway.errors import RateLimited
from modelport.gateway.keys import KeyRefused, Keyring
from modelport.gateway.metrics import GatewayMetrics

SPEC = {"model": {"format": "ONNX", "source": {"uri": "s3://models/half/"}}}
Write = Callable[..., None]


@pytest.fixture
def write_live(tmp_path: Path) -> Write:
    """Write the live half of the model half, as a mounted ConfigMap changes: by a swap of `..data`."""
    live = tmp_path / "live"
    live.mkdir()
    versions = iter(range(100))

    def write(spec: Any, name: str = "half.json") -> None:
        version = live / f"..{next(versions)}"
        version.mkdir()
        (version / name).write_text(json.dumps({"spec": spec}) if not isinstance(spec, str) else spec)
        (version / ".pins.json").write_text('{"digest": "sha256:0"}')
        for each in (name, ".pins.json"):
            if not (live / each).is_symlink():
                (live / each).symlink_to(f"..data/{each}")
        (live / "..data_tmp").symlink_to(version.name)
        (live / "..data_tmp").rename(live / "..data")

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    write_model(tmp_path, SPEC)
    return tmp_path


def write_model(folder: Path, spec: Any, *labels: str) -> None:
    resource = {"metadata": {"name": "half"}, "spec": spec}
    (folder / "models" / "half.json").write_text(json.dumps({"resource": resource, "labels": labels}))


def spec_of(config: ServingConfig) -> PublishedModelSpec:
    return config.models["half"].resource.spec


def test_without_a_live_half_the_model_is_what_its_file_says(folder: Path) -> None:
    assert spec_of(read_config(folder)).access.rate_limit is None


def test_a_live_half_takes_the_place_of_what_it_names(folder: Path, write_live: Write) -> None:
    write_model(folder, SPEC | {"limits": {"bodyBytes": 10000, "timeoutSeconds": 7}, "access": {"anonymous": True}})
    write_live({"limits": {"bodyBytes": 20000}, "apis": ["nnc"]})
    spec = spec_of(read_config(folder))
    assert (spec.limits.body_bytes, spec.limits.timeout_seconds) == (20000, 7)
    assert spec.apis == ("nnc",)
    assert not spec.access.anonymous  # all of `access` is live, and it names none


def test_a_change_is_a_new_snapshot_and_no_change_is_none(folder: Path, write_live: Write) -> None:
    write_live({"limits": {"depth": 3}})
    first = read_config(folder)
    write_live({"limits": {"depth": 3}})
    assert read_config(folder, first) is first
    write_live({"limits": {"depth": 4}})
    assert spec_of(read_config(folder, first)).limits.depth == 4


def test_pins_beside_it_are_not_the_gateways(folder: Path, write_live: Write) -> None:
    write_live({})
    assert read_config(folder).problems == ()


def test_a_live_half_of_no_model_changes_nothing(folder: Path, write_live: Write) -> None:
    write_live({"apis": ["nnc"]}, name="other.json")
    config = read_config(folder)
    assert (set(config.models), config.problems) == ({"half"}, ())


LABELS = {
    "those of the live half win": ({"io": {"labels": ["cat", "dog"]}}, ("cat", "dog")),
    "those of the file beside the model stay": ({}, ("from", "file")),
}


@pytest.mark.parametrize(("live", "labels"), LABELS.values(), ids=LABELS)
def test_labels(folder: Path, write_live: Write, live: Any, labels: tuple[str, ...]) -> None:
    write_model(folder, SPEC, "from", "file")
    write_live(live)
    assert read_config(folder).models["half"].labels == labels


UNUSABLE = {
    "cut off": ('{"spec": {"limi', "live/half.json: document: Invalid JSON"),
    "a field that is unknown": (
        {"limits": {"depht": 1}},
        "live/half.json: does not fit the model: spec.limits.depht: unknown field",
    ),
    "a rule that is broken": (
        {"apis": ["nexus"]},
        "live/half.json: does not fit the model: spec.apis: nexus needs io.task",
    ),
}


@pytest.mark.parametrize(("live", "problem"), UNUSABLE.values(), ids=UNUSABLE)
def test_one_that_cannot_be_used_is_told_and_the_one_before_stays(
    folder: Path, write_live: Write, live: Any, problem: str
) -> None:
    write_live({"limits": {"depth": 3}})
    config = read_config(folder)
    write_live(live)
    for _ in range(2):  # the second time something else has changed
        config = read_config(folder, config)
        assert spec_of(config).limits.depth == 3
        assert len(config.problems) == 1
        assert config.problems[0].startswith(problem)
        (folder / "models" / "none.json").write_text(
            json.dumps({"resource": {"metadata": {"name": "none"}, "spec": SPEC}})
        )
    write_live({"limits": {"depth": 5}})
    mended = read_config(folder, config)
    assert (spec_of(mended).limits.depth, mended.problems) == (5, ())


@pytest.mark.parametrize("live", [each[0] for each in UNUSABLE.values()], ids=UNUSABLE)
def test_one_that_cannot_be_used_from_the_start_leaves_the_model_as_its_file_says(
    folder: Path, write_live: Write, live: Any
) -> None:
    write_live(live)
    config = read_config(folder)
    assert spec_of(config).limits.depth == 64
    assert len(config.problems) == 1


def test_what_is_removed_is_gone(folder: Path, write_live: Write) -> None:
    write_live({"limits": {"depth": 3}})
    config = read_config(folder)
    (folder / "live" / "half.json").unlink()
    assert spec_of(read_config(folder, config)).limits.depth == 64


def test_without_keys_and_not_anonymous_nobody_gets_in(folder: Path, write_live: Write) -> None:
    write_live({"access": {"keys": [{"name": "default"}]}})
    keyring = Keyring(read_config(folder))
    with pytest.raises(KeyRefused):
        keyring.authenticate("half", {"x-api-key": "any"}, now=None)  # type: ignore[arg-type]


async def test_another_rate_limit_keeps_the_buckets(
    folder: Path, write_live: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelport.gateway.app.monotonic", lambda: 0.0)
    gateway = Gateway(GatewayOptions(config=folder), GatewayMetrics(), SimpleNamespace(infer=None))  # type: ignore[arg-type]
    write_live({"access": {"rateLimit": {"requestsPerSecond": 1, "burst": 5}}})
    config = read_config(folder)
    gateway.apply(config)
    for _ in range(4):
        gateway._rates.check("half", "default", 0.0)
    write_live({"access": {"rateLimit": {"requestsPerSecond": 2, "burst": 50}}})
    gateway.apply(read_config(folder, config))
    gateway._rates.check("half", "default", 0.0)  # the fifth
    with pytest.raises(RateLimited):
        gateway._rates.check("half", "default", 0.0)
