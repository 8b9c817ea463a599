"""Conversions by stand-ins for the converters: what is run, what is kept, and how each failure is told.

The converters themselves are tried in `tests/converters`, where their libraries are.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from modelport.repository import convert as module
from modelport.repository.cache import Cache
from modelport.repository.convert import CONVERTERS, convert
from modelport.repository.convert.base import Converter
from modelport.repository.convert.process import run
from modelport.repository.errors import InvalidModel

DIGEST = "sha256:" + "0" * 64
WRITE = "import sys, pathlib; pathlib.Path(sys.argv[2]).write_text('made of ' + sys.argv[1].rpartition('/')[2])"


def converter(code: str) -> Converter:
    """A converter that runs Python code with the source's and the result's path."""
    return replace(
        CONVERTERS["NNP"],
        default=sys.executable,
        command=lambda python, source, result: [python, "-I", "-S", "-c", code, str(source), str(result)],
    )


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Replace NNP's converter by one that writes a line; return a file to convert."""
    monkeypatch.setattr(module, "CONVERTERS", {"NNP": converter(WRITE)})
    file = tmp_path / "net.nnp"
    file.touch()
    return file


def test_a_source_is_converted_once(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    folder = convert("NNP", stand_in, cache=cache, digest=DIGEST)
    assert (folder / "model.onnx").read_text() == "made of net.nnp"
    monkeypatch.setattr(module, "run", lambda *_: pytest.fail("converted again"))
    assert convert("NNP", stand_in, cache=cache, digest=DIGEST) == folder


def test_another_source_is_another_conversion(stand_in: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    folder = convert("NNP", stand_in, cache=cache, digest=DIGEST)
    assert convert("NNP", stand_in, cache=cache, digest=DIGEST.replace("0", "1")) != folder


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import nnabla_converter_of_nobody",
            "spec.model.format: NNP is converted to ONNX, and its converter is missing; name a Python 3.10 that has"
            " nnabla, nnabla-converter and onnx in MODELPORT_NNP_PYTHON",
        ),
        (
            "raise ValueError('layer Foo is not supported')",
            "NNP could not be converted to ONNX: ValueError: layer Foo is not supported",
        ),
        ("raise SystemExit(3)", "NNP could not be converted to ONNX: its converter ended with status 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "NNP could not be converted to ONNX: its converter was killed by SIGKILL",
        ),
        ("print('all is well')", "NNP could not be converted to ONNX: all is well"),
    ],
    ids=["a missing library", "an exception", "a silent failure", "a kill", "nothing written"],
)
def test_failures_are_told_in_a_sentence(code: str, message: str, tmp_path: Path) -> None:
    failing = converter(code)
    with pytest.raises(InvalidModel) as caught:
        run(failing, failing.command(sys.executable, tmp_path, tmp_path / "out"), tmp_path / "out")
    assert str(caught.value) == message


def test_a_conversion_ends_in_time(tmp_path: Path) -> None:
    endless = converter("import time; time.sleep(60)")
    with pytest.raises(InvalidModel, match=r"^NNP could not be converted to ONNX within 0\.1 s$"):
        run(endless, endless.command(sys.executable, tmp_path, tmp_path / "out"), tmp_path / "out", seconds=0.1)


def test_a_converter_sees_none_of_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    curious = converter("import os, sys; open(sys.argv[2], 'w').write(' '.join(os.environ))")
    run(curious, curious.command(sys.executable, tmp_path, tmp_path / "out"), tmp_path / "out")
    assert "AWS_SECRET_ACCESS_KEY" not in (tmp_path / "out").read_text()


def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidModel, match=r"^MODELPORT_NNP_PYTHON: /nowhere cannot be run: No such file or directory$"
    ):
        run(CONVERTERS["NNP"], ["/nowhere"], tmp_path / "out")


def test_nnp_needs_an_interpreter_of_its_own() -> None:
    assert CONVERTERS["NNP"].interpreter({"MODELPORT_NNP_PYTHON": "/opt/nnabla/bin/python"}) == "/opt/nnabla/bin/python"
    with pytest.raises(InvalidModel, match=r"MODELPORT_NNP_PYTHON"):
        CONVERTERS["NNP"].interpreter({})


def test_a_saved_model_is_found_in_its_folder_or_one_below(tmp_path: Path) -> None:
    (tmp_path / "model.savedmodel").mkdir()
    (tmp_path / "model.savedmodel" / "saved_model.pb").touch()
    find = CONVERTERS["SavedModel"].find
    assert find(tmp_path) == tmp_path / "model.savedmodel"
    assert find(tmp_path / "model.savedmodel") == tmp_path / "model.savedmodel"


def test_a_folder_without_a_saved_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.h5").touch()
    with pytest.raises(InvalidModel) as caught:
        CONVERTERS["SavedModel"].find(tmp_path)
    assert str(caught.value) == (
        "no saved_model.pb: the folder holds model.h5; a SavedModel is a folder with saved_model.pb and variables/"
    )
