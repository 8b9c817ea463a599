"""Which files of a folder are fetched for the versions that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modelport.api.source import Versions
from modelport.repository.cache import Cache
from modelport.repository.digest import file_digest, folder_digest
from modelport.repository.errors import InvalidModel
from modelport.repository.fetch import fetch
from modelport.repository.selection import Selection
from modelport.repository.sources.base import Listing, RemoteFile

LATEST, ALL, SECOND = Versions(), Versions(policy="All"), Versions(policy="Specific", specific=(2,))
FOLDER = ("1/model.onnx", "2/model.onnx", "2/data/weights", "10/model.onnx", "labels.txt", "docs/3/note")

CASES: dict[str, tuple[Sequence[str], Versions, Sequence[str]]] = {
    "the highest number": (FOLDER, LATEST, ("10/model.onnx", "labels.txt", "docs/3/note")),
    "all": (FOLDER, ALL, FOLDER),
    "one by its number": (FOLDER, SECOND, ("2/model.onnx", "2/data/weights", "labels.txt", "docs/3/note")),
    "below a folder that is alone": (
        ("export/model/1/a", "export/model/2/a", "export/model/labels.txt"),
        LATEST,
        ("export/model/2/a", "export/model/labels.txt"),
    ),
    "hidden files do not count as company": (
        (".DS_Store", "model/1/a", "model/2/a"),
        LATEST,
        (".DS_Store", "model/2/a"),
    ),
    "a single version folder": (("7/a",), LATEST, ("7/a",)),
    "a folder without versions": (("model.onnx", "data/weights"), LATEST, ("model.onnx", "data/weights")),
    "a file with a number for its name": (("1", "2/a"), LATEST, ("1", "2/a")),
    "a number that Triton does not take": (("01/a", "2/a", "labels.txt"), LATEST, ("01/a", "2/a", "labels.txt")),
}


def listed(names: Sequence[str]) -> Listing:
    return Listing(tuple(RemoteFile(name, 1, "tag") for name in names), folder=True)


@pytest.mark.parametrize(("names", "versions", "expected"), CASES.values(), ids=CASES)
def test_what_is_chosen(names: Sequence[str], versions: Versions, expected: Sequence[str]) -> None:
    assert Selection(versions).choose(listed(names)) == listed(expected)


def test_a_single_file_is_all_there_is() -> None:
    file = Listing((RemoteFile("1", 1, "tag"),), folder=False)
    assert Selection(LATEST).choose(file) == file


def test_a_version_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidModel, match="no version 2 in the source, which has 1, 3"):
        Selection(SECOND).choose(listed(("1/a", "3/a")))


def test_selections_are_kept_apart() -> None:
    assert len({Selection(each).text for each in (LATEST, ALL, SECOND)}) == 3


@pytest.mark.parametrize(
    ("versions", "expected"), [(LATEST, {"2/a", "labels.txt"}), (ALL, {"1/a", "2/a", "labels.txt"})]
)
def test_only_what_is_chosen_is_stored(tmp_path: Path, versions: Versions, expected: Any) -> None:
    for name in ("1/a", "2/a", "labels.txt"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(name)
    fetched = fetch(f"file:{tmp_path}/source", cache=Cache(tmp_path / "cache"), select=Selection(versions))
    stored = {str(path.relative_to(fetched.path)) for path in fetched.path.rglob("*") if path.is_file()}
    assert stored == expected
    assert fetched.digest == folder_digest({name: file_digest(tmp_path / "source" / name) for name in expected})
