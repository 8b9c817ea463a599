"""Which versions are loaded again where one that cannot be loaded has taken them down."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from modelport.gateway.errors import InternalError
from modelport.gateway.formats.base import VersionState
from modelport.gateway.partial_load import Rescue, find_loadable

FAILED = "Internal: ValueError: no such weights"

CASES: dict[str, tuple[dict[int, tuple[str, str]], tuple[int, ...]]] = {
    "one has failed": ({3: ("UNAVAILABLE", "unloaded"), 4: ("UNAVAILABLE", FAILED)}, (3,)),
    "two of four have failed": (
        {
            1: ("UNAVAILABLE", "unloaded"),
            2: ("UNAVAILABLE", FAILED),
            3: ("UNAVAILABLE", "unloaded"),
            4: ("UNAVAILABLE", FAILED),
        },
        (1, 3),
    ),
    "the only one has failed": ({1: ("UNAVAILABLE", FAILED)}, ()),
    "all have failed": ({3: ("UNAVAILABLE", FAILED), 4: ("UNAVAILABLE", FAILED)}, ()),
    "the model was unloaded in order": ({3: ("UNAVAILABLE", "unloaded"), 4: ("UNAVAILABLE", "unloaded")}, ()),
    "the others are up": ({3: ("READY", ""), 4: ("UNAVAILABLE", FAILED)}, ()),
    "the others are on their way": ({3: ("LOADING", ""), 4: ("UNAVAILABLE", FAILED)}, ()),
    "the others are on their way down": ({3: ("UNLOADING", ""), 4: ("UNAVAILABLE", FAILED)}, ()),
    "the model itself cannot be read": ({0: ("UNAVAILABLE", "no config.pbtxt")}, ()),
    "Triton knows none": ({}, ()),
}


def states(of: dict[int, tuple[str, str]]) -> list[VersionState]:
    return [VersionState(number, *told) for number, told in of.items()]


@pytest.mark.parametrize(("told", "expected"), CASES.values(), ids=CASES)
def test_what_is_loaded_again(told: dict[int, tuple[str, str]], expected: tuple[int, ...]) -> None:
    assert find_loadable(states(told)) == expected


class FakeTriton:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def load(self, name: str, config: str) -> None:
        self.asked.append(json.loads(config))
        raise InternalError("out of memory")


async def looked(rescue: Rescue, *told: dict[int, tuple[str, str]]) -> None:
    for each in told:
        rescue.look("m", states(each))
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    config = 'name: "m" backend: "python" max_batch_size: 8 version_policy { all {} }'
    (tmp_path / "m" / "config.pbtxt").write_text(config)
    return tmp_path


async def test_each_set_of_versions_is_tried_once_for_as_long_as_triton_runs(repository: Path) -> None:
    triton = FakeTriton()
    rescue = Rescue(triton, repository)  # type: ignore[arg-type]
    three_down = {1: ("UNAVAILABLE", "unloaded"), 2: ("UNAVAILABLE", "unloaded"), 3: ("UNAVAILABLE", FAILED)}
    two_down = {**three_down, 2: ("UNAVAILABLE", "out of memory")}
    await looked(rescue, three_down, three_down, two_down, two_down)
    assert [each["version_policy"]["specific"]["versions"] for each in triton.asked] == [["1", "2"], ["1"]]
    assert triton.asked[0] | {"version_policy": None} == {
        "name": "m",
        "backend": "python",
        "max_batch_size": 8,
        "version_policy": None,
    }
    rescue.forget()
    await looked(rescue, three_down)
    assert len(triton.asked) == 3


async def test_files_that_cannot_be_read_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rescue = Rescue(FakeTriton(), tmp_path)  # type: ignore[arg-type]
    await looked(rescue, {3: ("UNAVAILABLE", "unloaded"), 4: ("UNAVAILABLE", FAILED)})
    assert "model m: versions 3 cannot be loaded without the others" in caplog.text


async def test_who_has_no_repository_leaves_it_to_others(tmp_path: Path) -> None:
    triton = FakeTriton()
    await looked(Rescue(triton, None), {3: ("UNAVAILABLE", "unloaded"), 4: ("UNAVAILABLE", FAILED)})  # type: ignore[arg-type]
    assert triton.asked == []
