"""The locks agree with each other: what is tested is what the image runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[2] / "requirements"
BUILD_ONLY = {"editables", "hatchling", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}


def pins(name: str) -> set[tuple[str, str]]:
    """Return name and version of each package of a lock."""
    return set(re.findall(r"^([\w.-]+)==(\S+)", (LOCKS / f"{name}.txt").read_text(), re.MULTILINE))


def test_the_image_runs_what_serving_needs() -> None:
    assert {pin for pin in pins("run") - pins("image") if pin[0] not in BUILD_ONLY} == set()


@pytest.mark.parametrize("lock", ["run", "image"])
def test_what_is_run_is_what_is_tested(lock: str) -> None:
    assert pins(lock) - pins("dev") == set()
