"""The store itself: names, records, and what is pruned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelport.repository.cache import Cache, Fetched
from modelport.repository.fetch import fetch


@pytest.fixture
def stored(tmp_path: Path, cache: Cache) -> list[Fetched]:
    """Three objects of 10 bytes, the first one used longest ago."""
    objects = []
    for age, name in ((9000, "a"), (8000, "b"), (7000, "c")):
        (tmp_path / name).write_text(name * 10)
        objects.append(fetch(str(tmp_path / name), cache=cache))
        about = objects[-1].path.parent.parent / "object.json"
        os.utime(about, (about.stat().st_mtime - age,) * 2)
    return objects


def left(cache: Cache) -> str:
    return "".join(sorted(path.name for path in cache.folder.glob("objects/*/content/*")))


@pytest.mark.parametrize(
    ("max_bytes", "freed", "stays"),
    [
        pytest.param(30, 0, "abc", id="enough room"),
        pytest.param(29, 10, "bc", id="the one used longest ago goes first"),
        pytest.param(10, 20, "c", id="as many as needed"),
        pytest.param(0, 30, "", id="all"),
    ],
)
def test_pruning(max_bytes: int, freed: int, stays: str, stored: list[Fetched], cache: Cache) -> None:
    assert cache.prune(max_bytes) == freed
    assert left(cache) == stays
    assert not list(cache.folder.glob("trash"))


def test_what_is_kept_stays(stored: list[Fetched], cache: Cache) -> None:
    assert cache.prune(10, keep={stored[0].digest}) == 20
    assert left(cache) == "a"


def test_a_use_counts(stored: list[Fetched], cache: Cache) -> None:
    cache.find(stored[0].digest)
    assert cache.prune(0) == 20
    assert left(cache) == "a"


def test_a_pruned_model_is_fetched_again(stored: list[Fetched], tmp_path: Path, cache: Cache) -> None:
    cache.prune(0)
    assert fetch(str(tmp_path / "a"), cache=cache) == stored[0]


def test_remains_of_downloads_go_after_a_day(cache: Cache) -> None:
    for name, age in (("old", 90_000), ("new", 100)):
        part = cache.folder / "staging" / name / "listing" / "parts" / "0"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x")
        for path in (part, *list(part.parents)[:4]):
            os.utime(path, (path.stat().st_mtime - age,) * 2)
    (cache.folder / "locks").mkdir()
    cache.prune(10**9)
    assert [path.name for path in (cache.folder / "staging").iterdir()] == ["new"]


def test_pruning_a_cache_that_is_not_there(cache: Cache) -> None:
    assert cache.prune(0) == 0
