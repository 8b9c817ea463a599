from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelport.gateway import config as module
from modelport.gateway.config import ConfigError, GatewayOptions, ServingConfig, read_config, watch_config

DIGEST = "0" * 64


def model_text(name: str, *, served_as: str | None = None, rate: float | None = None) -> str:
    spec: dict[str, Any] = {
        "model": {"format": "ONNX", "source": {"uri": "https://models.example.com/model.onnx"}},
        "access": {"rateLimit": {"requestsPerSecond": rate}} if rate else {},
    }
    if served_as:
        spec["model"]["name"] = served_as
    return json.dumps({"resource": {"metadata": {"name": name}, "spec": spec}, "digest": "sha256:1", "labels": ["cup"]})


def keys_text(*names: str) -> str:
    return json.dumps({"keys": [{"name": name, "sha256": DIGEST} for name in names]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "keys").mkdir()
    (tmp_path / "models" / "half.json").write_text(model_text("half", served_as="half_plus_two"))
    (tmp_path / "keys" / "half.json").write_text(keys_text("default"))
    (tmp_path / "models" / "echo.json").write_text(model_text("echo"))
    return tmp_path


def rate_of(config: ServingConfig, name: str) -> float | None:
    limit = config.models[name].resource.spec.access.rate_limit
    return limit.requests_per_second if limit else None


def test_models_and_keys_go_by_the_name_in_urls(folder: Path) -> None:
    config = read_config(folder)
    assert set(config.models) == {"half_plus_two", "echo"}
    assert [key.name for key in config.keys["half_plus_two"].keys] == ["default"]
    assert "echo" not in config.keys
    assert config.models["echo"].labels == ("cup",)
    assert config.problems == ()


def test_a_folder_without_keys_is_a_configuration_without_keys(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert read_config(tmp_path) == ServingConfig()


@pytest.mark.parametrize("missing", ["", "nowhere"], ids=["without models in it", "that is not there"])
def test_a_folder_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ConfigError, match="expected a folder with a folder `models` in it"):
        read_config(tmp_path / missing)


@pytest.mark.parametrize(
    "name", ["notes.txt", ".half.json.swp", ".hidden.json", "half.json~"], ids=["text", "draft", "hidden", "backup"]
)
def test_files_of_others_are_not_looked_at(folder: Path, name: str) -> None:
    (folder / "models" / name).write_text("{")
    assert read_config(folder).problems == ()


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        pytest.param("models/bad.json", "{", "models/bad.json: document: Invalid JSON", id="cut off"),
        pytest.param("models/bad.json", "", "models/bad.json: document: Invalid JSON", id="empty"),
        pytest.param("models/bad.json", "{}", "models/bad.json: resource: Field required", id="a field is missing"),
        pytest.param("models/bad.json", model_text("good"), "metadata.name: expected the file's name", id="wrong name"),
        pytest.param("keys/bad.json", "[]", "keys/bad.json: document: ", id="keys of another shape"),
    ],
)
def test_a_broken_file_is_a_problem_and_leaves_the_others(folder: Path, path: str, content: str, problem: str) -> None:
    (folder / path).write_text(content)
    config = read_config(folder)
    assert set(config.models) == {"half_plus_two", "echo"}
    assert len(config.problems) == 1
    assert problem in config.problems[0]


def test_a_key_written_in_a_digests_place_is_not_repeated(folder: Path) -> None:
    (folder / "keys" / "half.json").write_text(json.dumps({"keys": [{"name": "default", "sha256": "my-secret-key"}]}))
    (problem,) = read_config(folder).problems
    assert "keys.0.sha256" in problem
    assert "my-secret-key" not in problem


def test_of_two_models_of_one_name_the_first_is_served(folder: Path) -> None:
    (folder / "models" / "zwei.json").write_text(model_text("zwei", served_as="echo"))
    config = read_config(folder)
    assert config.models["echo"].resource.metadata.name == "echo"
    assert config.problems == (
        "models/zwei.json: spec.model.name: echo is the name of echo already, so it is not served",
    )


def test_what_has_not_changed_is_the_same_snapshot(folder: Path) -> None:
    config = read_config(folder)
    (folder / "models" / "echo.json").touch()
    assert read_config(folder, config) is config


def test_a_file_that_breaks_keeps_what_it_last_said_until_it_is_mended(folder: Path) -> None:
    path = folder / "models" / "echo.json"
    path.write_text(model_text("echo", rate=5))
    good = read_config(folder)

    path.write_text(model_text("echo", rate=7)[:-10])
    (folder / "keys" / "half.json").write_text("nonsense")
    broken = read_config(folder, good)
    assert rate_of(broken, "echo") == 5
    assert [key.name for key in broken.keys["half_plus_two"].keys] == ["default"]
    assert len(broken.problems) == 2

    still_broken = read_config(folder, broken)
    assert rate_of(still_broken, "echo") == 5

    path.write_text(model_text("echo", rate=7))
    (folder / "keys" / "half.json").write_text(keys_text("default", "partner"))
    mended = read_config(folder, still_broken)
    assert rate_of(mended, "echo") == 7
    assert len(mended.keys["half_plus_two"].keys) == 2
    assert mended.problems == ()


@pytest.mark.parametrize("path", ["models/half.json", "keys/half.json"])
def test_what_is_removed_is_gone(folder: Path, path: str) -> None:
    config = read_config(folder)
    (folder / path).unlink()
    assert "half_plus_two" not in read_config(folder, config).keys


def swap_as_kubernetes(folder: Path, version: str, files: dict[str, str]) -> None:
    """A mounted ConfigMap: NAME → ..data/NAME, ..data → ..VERSION, and only ..data is ever replaced."""
    (folder / version).mkdir(parents=True)
    for name, text in files.items():
        (folder / version / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").rename(folder / "..data")


def rename_as_an_editor(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(text)
    draft.replace(path)


def test_a_configmaps_swap_is_seen(tmp_path: Path) -> None:
    models = tmp_path / "models"
    swap_as_kubernetes(models, "..2026_11_22_a", {"echo.json": model_text("echo", rate=1)})
    before = read_config(tmp_path)
    assert rate_of(before, "echo") == 1
    swap_as_kubernetes(models, "..2026_11_22_b", {"echo.json": model_text("echo", rate=2)})
    assert rate_of(read_config(tmp_path, before), "echo") == 2


def test_a_file_that_vanishes_between_two_calls_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "echo.json").symlink_to("..data/echo.json")
    assert read_config(tmp_path) == ServingConfig()


class Watched:
    """`watch_config` on a clock that runs as fast as it can."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[ServingConfig] = []
        self._arrived = asyncio.Event()

    def __call__(self, config: ServingConfig) -> None:
        self.seen.append(config)
        self._arrived.set()

    async def next(self) -> ServingConfig:
        async with asyncio.timeout(5):
            await self._arrived.wait()
        self._arrived.clear()
        return self.seen[-1]

    async def run(self, *steps: Callable[[], object]) -> None:
        """Wait for the first snapshot, then for one after each step."""
        watching = asyncio.create_task(watch_config(self.folder, self))
        await self.next()
        for step in steps:
            step()
            await self.next()
        for _ in range(10):  # some looks more, at which nothing has changed
            await asyncio.sleep(module.POLL_SECONDS)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.001)


async def test_a_watcher_calls_back_on_change_alone(folder: Path) -> None:
    watched = Watched(folder)
    echo = folder / "models" / "echo.json"
    await watched.run(
        lambda: rename_as_an_editor(echo, model_text("echo", rate=3)),
        lambda: os.truncate(echo, 20),
        lambda: rename_as_an_editor(echo, model_text("echo", rate=4)),
        lambda: (folder / "keys" / "half.json").unlink(),
    )
    assert [rate_of(config, "echo") for config in watched.seen] == [None, 3, 3, 4, 4]
    assert [len(config.problems) for config in watched.seen] == [0, 0, 1, 0, 0]
    assert watched.seen[-1].keys == {}


async def test_a_watcher_outlives_a_folder_that_is_gone_for_a_while(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(folder)
    elsewhere = folder.with_name("elsewhere")

    def away_and_back() -> None:
        folder.rename(elsewhere)
        asyncio.get_running_loop().call_later(0.02, come_back)

    def come_back() -> None:
        (elsewhere / "models" / "echo.json").write_text(model_text("echo", rate=9))
        elsewhere.rename(folder)

    await watched.run(away_and_back)
    assert rate_of(watched.seen[-1], "echo") == 9
    assert [record.message for record in caplog.records if "stays in force" in record.message] != []


async def test_a_problem_is_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    echo = folder / "models" / "echo.json"
    await Watched(folder).run(lambda: echo.write_text("{"), lambda: (folder / "keys" / "half.json").unlink())
    assert len([record for record in caplog.records if "models/echo.json" in record.message]) == 1


def test_options_have_the_defaults_of_a_pod(tmp_path: Path) -> None:
    options = GatewayOptions(config=tmp_path)
    assert (options.triton, options.port, options.metrics_port, options.workers) == ("127.0.0.1:8001", 8080, 9090, 1)
