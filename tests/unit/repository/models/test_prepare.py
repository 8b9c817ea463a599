"""The whole way, from a URI of this machine to a folder that Triton can load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelport.repository.cache import Cache
from modelport.repository.capabilities import NVIDIA_IMAGE, WHEEL
from modelport.repository.errors import FetchError, InvalidModel
from modelport.repository.lint import Unservable
from modelport.repository.prepare import check, prepare
from modelport.repository.publish import Published


def published(resource: Any, folder: Path, **options: Any) -> Published:
    options = {"capabilities": WHEEL, **options}
    return prepare(resource, target=folder / "target", cache=Cache(folder / "cache"), **options)


def files(published: Published) -> set[str]:
    found = {str(path.relative_to(published.path)) for path in published.path.rglob("*") if path.is_file()}
    return found - {".published"}


def test_one_file_becomes_version_1(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    file = write_onnx(tmp_path / "net.onnx")
    found = published(manifest({"source": {"uri": f"file:{file}"}}), tmp_path)
    assert found.name == "m"
    assert found.versions == (1,)
    assert found.bytes == file.stat().st_size
    assert found.changed
    assert files(found) == {"config.pbtxt", "1/model.onnx", "1/model.py"}


def test_nvidias_image_needs_no_runner(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    file = write_onnx(tmp_path / "net.onnx")
    found = published(manifest({"source": {"uri": f"file:{file}"}}), tmp_path, capabilities=NVIDIA_IMAGE)
    assert files(found) == {"config.pbtxt", "1/model.onnx"}
    assert 'backend: "onnxruntime"' in (found.path / "config.pbtxt").read_text()


def test_a_second_run_changes_nothing(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    resource = manifest({"source": {"uri": f"file:{write_onnx(tmp_path / 'net.onnx')}"}})
    first, second = published(resource, tmp_path), published(resource, tmp_path)
    assert first.changed
    assert not second.changed
    assert second.digest == first.digest


def test_only_the_wanted_versions_are_laid_out(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    for number in (2, 3, 4):
        write_onnx(tmp_path / "source" / str(number) / "model.onnx")
    (tmp_path / "source" / "labels.txt").write_text("\ufeffcat\ndog\r\n\n", "utf-8")
    source = {"uri": f"file:{tmp_path / 'source'}"}
    both = published(
        manifest(
            {"source": source, "versions": {"policy": "Specific", "specific": [2, 4]}}, io={"labelsFrom": "labels.txt"}
        ),
        tmp_path,
    )
    assert both.versions == (2, 4)
    assert both.labels == ("cat", "dog")
    latest = published(manifest({"source": source}), tmp_path)
    assert latest.versions == (4,)
    assert files(latest) == {"config.pbtxt", "4/model.onnx", "4/model.py"}


def test_a_triton_repository_is_taken_as_it_is(tmp_path: Path, manifest: Any) -> None:
    home = tmp_path / "source" / "anything"
    (home / "1" / "weights").mkdir(parents=True)
    (home / "1" / "model.py").write_text("class TritonPythonModel: ...")
    (home / "1" / "weights" / "w.bin").write_bytes(b"w")
    (home / "names.txt").write_text("a\nb\n")
    (home / "config.pbtxt").write_text(
        """
        backend: "python"
        max_batch_size: 2
        input { name: "x" data_type: TYPE_FP32 dims: 3 }
        output { name: "y" data_type: TYPE_FP32 dims: 2 label_filename: "names.txt" }
        """
    )
    found = published(
        manifest({"format": "TritonRepository", "source": {"uri": f"file:{tmp_path / 'source'}"}}), tmp_path
    )
    assert files(found) == {"config.pbtxt", "names.txt", "1/model.py", "1/weights/w.bin"}
    assert (found.path / "config.pbtxt").read_text().startswith('name: "m"\n')
    assert [tensor.shape for tensor in (*found.signature.inputs, *found.signature.outputs)] == [(-1, 3), (-1, 2)]


def test_a_triton_repository_without_configuration_is_told(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    write_onnx(tmp_path / "source" / "1" / "model.onnx")
    resource = manifest({"format": "TritonRepository", "source": {"uri": f"file:{tmp_path / 'source'}"}})
    with pytest.raises(InvalidModel, match=r"^no config\.pbtxt beside the version folders; write one, or name the"):
        published(resource, tmp_path)


def test_a_problem_in_a_version_names_it(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    write_onnx(tmp_path / "source" / "1" / "model.onnx")
    (tmp_path / "source" / "2").mkdir()
    (tmp_path / "source" / "2" / "model.pt").touch()
    with pytest.raises(InvalidModel) as caught:
        published(manifest({"source": {"uri": f"file:{tmp_path / 'source'}"}}), tmp_path)
    assert str(caught.value) == "version 2: no model.onnx and no other *.onnx; the folder holds model.pt"


def test_every_problem_is_told_and_nothing_laid_out(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    resource = manifest(
        {"source": {"uri": f"file:{write_onnx(tmp_path / 'net.onnx')}"}, "config": {"parameters": {"a": "1"}}},
        execution={"device": "GPU"},
    )
    with pytest.raises(Unservable) as caught:
        published(resource, tmp_path)
    assert [problem.path for problem in caught.value.problems] == [
        "spec.execution.device",
        "spec.model.config.parameters.a",
    ]
    assert not (tmp_path / "target").exists()


def test_labels_that_are_not_there_are_told(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    write_onnx(tmp_path / "source" / "model.onnx")
    resource = manifest({"source": {"uri": f"file:{tmp_path / 'source'}"}}, io={"labelsFrom": "labels.txt"})
    with pytest.raises(InvalidModel) as caught:
        published(resource, tmp_path)
    assert str(caught.value) == ("spec.io.labelsFrom: no file labels.txt beside the model; the folder holds model.onnx")


def test_a_source_that_is_not_there_is_the_fetchs_to_tell(tmp_path: Path, manifest: Any) -> None:
    resource = manifest({"source": {"uri": f"file:{tmp_path / 'nothing'}"}})
    with pytest.raises(FetchError, match=r"^download failed: file:.*nothing"):
        published(resource, tmp_path)


def test_check_lays_nothing_out(tmp_path: Path, write_onnx: Any, manifest: Any) -> None:
    resource = manifest({"source": {"uri": f"file:{write_onnx(tmp_path / 'net.onnx')}"}})
    fetched, model = check(resource, cache=Cache(tmp_path / "cache"), capabilities=WHEEL)
    assert fetched.digest.startswith("sha256:")
    assert model.config.max_batch_size == 64
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "net.onnx"}
