"""The four shapes that a source may have, and which of its versions are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelport.api.source import Versions
from modelport.repository.errors import InvalidModel
from modelport.repository.layout import find_layout, select_versions


def fill(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("files", "root", "versions"),
    [
        (["model.onnx"], ".", {1: "."}),
        (["3/model.onnx", "10/model.onnx", "labels.txt"], ".", {3: "3", 10: "10"}),
        (["resnet/1/model.onnx", "resnet/config.pbtxt"], "resnet", {1: "resnet/1"}),
        (["a/b/model.onnx"], "a/b", {1: "a/b"}),
        (["7/model.onnx"], ".", {7: "7"}),
        (["007/model.onnx", "1x/model.onnx", "2/model.onnx"], ".", {2: "2"}),
        (["__MACOSX/x", ".git/x", "net/model.onnx"], ".", {1: "."}),
    ],
    ids=[
        "a folder with the model",
        "version folders",
        "what Triton itself takes",
        "folders around the model",
        "one version folder",
        "names that Triton ignores",
        "two folders, neither of them a version",
    ],
)
def test_versions_are_found(files: list[str], root: str, versions: dict[int, str], tmp_path: Path) -> None:
    layout = find_layout(fill(tmp_path, *files))
    assert layout.root == tmp_path / root
    assert layout.versions == {number: tmp_path / path for number, path in versions.items()}
    assert layout.numbered == (versions != {1: root})


def test_a_lone_file_is_version_1(tmp_path: Path) -> None:
    file = fill(tmp_path, "net.onnx") / "net.onnx"
    assert find_layout(file).versions == {1: file}


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ({}, [10]),
        ({"policy": "All"}, [2, 3, 10]),
        ({"policy": "Specific", "specific": (10, 2)}, [2, 10]),
    ],
    ids=["the latest by number, not by name", "all", "those named"],
)
def test_versions_are_selected(wanted: dict[str, Any], taken: list[int], tmp_path: Path) -> None:
    layout = find_layout(fill(tmp_path, "2/m", "3/m", "10/m"))
    assert list(select_versions(layout, Versions(**wanted))) == taken


def test_a_version_that_is_not_there_is_told(tmp_path: Path) -> None:
    layout = find_layout(fill(tmp_path, "2/m", "3/m"))
    with pytest.raises(InvalidModel) as caught:
        select_versions(layout, Versions(policy="Specific", specific=(3, 5)))
    assert str(caught.value) == "spec.model.versions.specific: no version 5 in the source, which has 2, 3"


@pytest.mark.parametrize("place", ["labels.txt", "4/labels.txt"], ids=["beside the versions", "in the newest version"])
def test_a_file_beside_the_model_is_found(place: str, tmp_path: Path) -> None:
    layout = find_layout(fill(tmp_path, "3/m", "4/m", place))
    assert layout.beside("labels.txt") == tmp_path / place


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    layout = find_layout(fill(tmp_path, "model.onnx", "names.txt"))
    with pytest.raises(InvalidModel) as caught:
        layout.beside("labels.txt")
    assert str(caught.value) == "no file labels.txt beside the model; the folder holds model.onnx, names.txt"
