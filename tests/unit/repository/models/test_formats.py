"""What each format reads from its files, and what it says of files that are something else."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, get_args

import onnx
import pytest

from modelport.api.source import ModelFormat
from modelport.repository.convert import CONVERTERS
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Tensor
from modelport.repository.formats.registry import FORMATS

OPENVINO = """<?xml version="1.0"?>
<net name="g" version="11">
  <layers>
    <layer id="0" name="x" type="Parameter" version="opset1">
      <data shape="?,3" element_type="f32"/>
      <output><port id="0" precision="FP32" names="x,alias"><dim>-1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="1" name="relu" type="ReLU" version="opset1">
      <input><port id="0"><dim>-1</dim><dim>3</dim></port></input>
      <output><port id="1" precision="FP32" names="y"><dim>-1</dim><dim>3</dim></port></output>
    </layer>
    <layer id="2" name="y/sink" type="Result" version="opset1">
      <input><port id="0"><dim>-1</dim><dim>3</dim></port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>
    <edge from-layer="1" from-port="1" to-layer="2" to-port="0"/>
  </edges>
</net>
"""

PYTHON = """
class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        return config

    def execute(self, requests):
        return []
"""


def inspect(fmt: str, path: Path) -> Any:
    return FORMATS[fmt].inspect(path)


def test_every_format_of_the_resource_is_run_or_converted() -> None:
    assert set(FORMATS) | set(CONVERTERS) == set(get_args(ModelFormat))
    assert not set(FORMATS) & set(CONVERTERS)


class TestOnnx:
    def test_tensors_and_versions_are_read(self, tmp_path: Path, write_onnx: Any) -> None:
        file = write_onnx(
            tmp_path / "any name.onnx",
            "(float16[n, 3] x, string[n] s) => (float16[n, 3] y, string[n] t) { y = Relu(x) t = Identity(s) }",
        )
        found = inspect("ONNX", tmp_path)
        assert found.files == {"model.onnx": file}
        assert found.inputs == (Tensor("x", "FP16", (-1, 3)), Tensor("s", "BYTES", (-1,)))
        assert found.outputs == (Tensor("y", "FP16", (-1, 3)), Tensor("t", "BYTES", (-1,)))
        assert found.batchable
        assert found.facts == {"producer": "", "ir_version": 8, "opset ai.onnx": 17}

    @pytest.mark.parametrize(
        ("graph", "batchable"),
        [
            ("(float[n] x) => (float[n] y) { y = Relu(x) }", True),
            ("(float[n] x, float[n] z) => (float[m] y) { y = Add(x, z) }", True),
            ("(float[n] x, float[m] z) => (float[n] y) { y = Add(x, z) }", False),
            ("(float[unk__1] x, float[unk__2] z) => (float[n] y) { y = Add(x, z) }", True),
            ("(float[1, 3] x) => (float[1, 3] y) { y = Relu(x) }", False),
            ("(float[n] x) => (float y) { y = ReduceSum <keepdims: int = 0> (x) }", False),
        ],
        ids=[
            "one free dimension",
            "one name for the inputs",
            "two names for the inputs",
            "names that tf2onnx made up",
            "a fixed batch",
            "an output without a batch",
        ],
    )
    def test_batching_is_told_from_the_first_dimensions(
        self, graph: str, batchable: bool, tmp_path: Path, write_onnx: Any
    ) -> None:
        assert inspect("ONNX", write_onnx(tmp_path / "m.onnx", graph)).batchable is batchable

    def test_an_input_with_a_default_is_no_input(self, tmp_path: Path) -> None:
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 17]> g (float[n] x, float[1] a) => (float[n] y) { y = Add(x, a) }'
        )
        model.graph.initializer.append(onnx.helper.make_tensor("a", onnx.TensorProto.FLOAT, [1], [1.0]))
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        assert [tensor.name for tensor in inspect("ONNX", tmp_path).inputs] == ["x"]

    def test_external_data_comes_along(self, tmp_path: Path) -> None:
        external_model(tmp_path / "m.onnx", location="weights/w.bin", length=8)
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / "w.bin").write_bytes(bytes(8))
        found = inspect("ONNX", tmp_path / "m.onnx")
        assert found.files == {"model.onnx": tmp_path / "m.onnx", "weights/w.bin": tmp_path / "weights" / "w.bin"}

    @pytest.mark.parametrize(
        ("location", "there", "message"),
        [
            ("w.bin", None, "m.onnx: its external data 'w.bin' is missing; put it beside the model"),
            ("w.bin", 7, "m.onnx: its external data 'w.bin' has 7 bytes, 8 expected"),
            ("../w.bin", None, "m.onnx: weight 'w' lies outside the model's folder ('../w.bin')"),
            ("/etc/passwd", None, "m.onnx: weight 'w' lies outside the model's folder ('/etc/passwd')"),
        ],
        ids=["missing", "cut short", "in the folder above", "anywhere else"],
    )
    def test_external_data_must_be_there(self, location: str, there: int | None, message: str, tmp_path: Path) -> None:
        external_model(tmp_path / "m.onnx", location=location, length=8)
        if there is not None:
            (tmp_path / location).write_bytes(bytes(there))
        with pytest.raises(InvalidModel) as caught:
            inspect("ONNX", tmp_path)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "model.onnx: not an ONNX model: it has no graph with outputs"),
            (b"PK\x03\x04 a zip", "model.onnx: not an ONNX model, or cut short (10 bytes)"),
        ],
        ids=["an empty file", "something else"],
    )
    def test_what_is_not_onnx_is_named(self, content: bytes, message: str, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(content)
        with pytest.raises(InvalidModel) as caught:
            inspect("ONNX", tmp_path)
        assert str(caught.value) == message

    def test_a_file_cut_short_is_named(self, tmp_path: Path, write_onnx: Any) -> None:
        file = write_onnx(tmp_path / "model.onnx")
        file.write_bytes(file.read_bytes()[:-5])
        with pytest.raises(InvalidModel, match=r"^model\.onnx: not an ONNX model, or cut short \(\d+ bytes\)$"):
            inspect("ONNX", tmp_path)

    def test_a_damaged_name_is_named(self, tmp_path: Path, write_onnx: Any) -> None:
        file = write_onnx(tmp_path / "model.onnx", "(float[batch] x) => (float[batch] y) { y = Relu(x) }")
        file.write_bytes(file.read_bytes().replace(b"batch", b"b\xfftch"))
        with pytest.raises(InvalidModel, match=r"^model\.onnx: an input's name is not UTF-8; the file is damaged$"):
            inspect("ONNX", tmp_path)

    def test_scikit_learns_maps_get_advice(self, tmp_path: Path, write_onnx: Any) -> None:
        write_onnx(
            tmp_path / "m.onnx",
            "(float[n, 2] x) => (seq(float[n, 2]) y) { y = SequenceConstruct(x) }",
        )
        with pytest.raises(InvalidModel) as caught:
            inspect("ONNX", tmp_path)
        assert str(caught.value) == (
            "m.onnx: output 'y' is a sequence, but Triton serves tensors only; export scikit-learn classifiers with"
            " zipmap=False"
        )

    def test_a_missing_file_is_told_with_what_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "model.pt").touch()
        (tmp_path / "sub").mkdir()
        with pytest.raises(InvalidModel) as caught:
            inspect("ONNX", tmp_path)
        assert str(caught.value) == "no model.onnx and no other *.onnx; the folder holds model.pt, sub/"

    def test_several_files_need_a_choice(self, tmp_path: Path, write_onnx: Any) -> None:
        write_onnx(tmp_path / "a.onnx")
        write_onnx(tmp_path / "b.onnx")
        with pytest.raises(InvalidModel) as caught:
            inspect("ONNX", tmp_path)
        assert str(caught.value) == "several *.onnx (a.onnx, b.onnx); name the one to be served model.onnx"


def external_model(file: Path, *, location: str, length: int) -> None:
    """Write a model one of whose weights lies in another file."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[2] y) { y = Add(x, w) }'
    )
    weight = onnx.TensorProto(name="w", dims=[2], data_type=onnx.TensorProto.FLOAT)
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "length": str(length)}.items():
        weight.external_data.add(key=key, value=value)
    model.graph.initializer.append(weight)
    file.write_bytes(model.SerializeToString())


class TestOpenVino:
    def write(self, folder: Path, xml: str) -> Path:
        (folder / "net.xml").write_text(xml)
        (folder / "net.bin").touch()
        return folder

    def test_parameters_and_results_are_read(self, tmp_path: Path) -> None:
        found = inspect("OpenVINO", self.write(tmp_path, OPENVINO))
        assert found.files == {"model.xml": tmp_path / "net.xml", "model.bin": tmp_path / "net.bin"}
        assert found.inputs == (Tensor("x", "FP32", (-1, 3)),)
        assert found.outputs == (Tensor("y", "FP32", (-1, 3)),)
        assert found.batchable

    @pytest.mark.parametrize(
        ("xml", "message"),
        [
            ("<net", "net.xml: not XML: unclosed token: line 1, column 0"),
            (
                '<!DOCTYPE net [<!ENTITY a "aaaa">]><net>&a;</net>',
                "net.xml: has a document type (<!DOCTYPE …>), which no OpenVINO model needs",
            ),
            (
                '<net version="7"/>',
                "net.xml: not an OpenVINO IR of version 10 or later; convert the model again",
            ),
            (
                OPENVINO.replace('element_type="f32"', 'element_type="nf4"'),
                "net.xml: input 'x' is of type nf4, which Triton does not have",
            ),
            ('<net version="11"/>', "net.xml: the graph has no inputs or no outputs"),
            (
                OPENVINO.replace('from-layer="1"', 'from-layer="9"'),
                "net.xml: an edge names layer '9', which the graph does not have",
            ),
        ],
        ids=["not XML", "entities", "an old version", "a type Triton lacks", "an empty graph", "a dangling edge"],
    )
    def test_bad_graphs_are_told(self, xml: str, message: str, tmp_path: Path) -> None:
        with pytest.raises(InvalidModel) as caught:
            inspect("OpenVINO", self.write(tmp_path, xml))
        assert str(caught.value) == message

    def test_missing_weights_are_told(self, tmp_path: Path) -> None:
        self.write(tmp_path, OPENVINO)
        (tmp_path / "net.bin").unlink()
        with pytest.raises(InvalidModel, match=r"its weights net\.bin are missing; put them beside it"):
            inspect("OpenVINO", tmp_path)


class TestPython:
    def test_the_source_is_read_and_not_run(self, tmp_path: Path) -> None:
        (tmp_path / "model.py").write_text("raise SystemExit\n" + PYTHON)
        (tmp_path / "helper.py").touch()
        (tmp_path / "config.pbtxt").touch()
        (tmp_path / "__pycache__").mkdir()
        found = inspect("Python", tmp_path)
        assert set(found.files) == {"model.py", "helper.py"}
        assert found.described
        assert not found.known

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("def f(:\n", "model.py, line 1: not Python: invalid syntax"),
            ("x = 1\n", "model.py: no class TritonPythonModel, which Triton's Python backend looks for"),
            (
                "class TritonPythonModel:\n    pass\n",
                "model.py: class TritonPythonModel has no method execute(self, requests)",
            ),
        ],
        ids=["a syntax error", "no class", "no execute"],
    )
    def test_bad_sources_are_told(self, source: str, message: str, tmp_path: Path) -> None:
        (tmp_path / "model.py").write_text(source)
        with pytest.raises(InvalidModel) as caught:
            inspect("Python", tmp_path)
        assert str(caught.value) == message

    def test_without_auto_complete_config_the_tensors_must_be_declared(self, tmp_path: Path) -> None:
        (tmp_path / "model.py").write_text("class TritonPythonModel:\n    def execute(self, requests): ...\n")
        assert not inspect("Python", tmp_path).described


class TestTorchScript:
    def write(self, folder: Path, *members: str) -> Path:
        with zipfile.ZipFile(folder / "net.pt", "w") as archive:
            for member in members:
                archive.writestr(f"net/{member}", b"")
        return folder

    def test_a_scripted_module_is_taken_and_names_no_tensors(self, tmp_path: Path) -> None:
        found = inspect("TorchScript", self.write(tmp_path, "data.pkl", "constants.pkl", "code/net.py"))
        assert found.files == {"model.pt": tmp_path / "net.pt"}
        assert not found.known
        assert not found.described

    def test_saved_weights_are_told_from_it(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidModel, match=r"^net\.pt: a pickled module or its weights, not TorchScript; save it"):
            inspect("TorchScript", self.write(tmp_path, "data.pkl", "version"))

    def test_what_is_no_archive_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "model.pt").write_bytes(b"\x80\x02}")
        with pytest.raises(InvalidModel, match=r"^model\.pt: not a TorchScript archive: File is not a zip file$"):
            inspect("TorchScript", tmp_path)


class TestTensorRT:
    def test_an_engine_is_taken_unread(self, tmp_path: Path) -> None:
        (tmp_path / "net.plan").write_bytes(b"ftrt")
        assert inspect("TensorRT", tmp_path).files == {"model.plan": tmp_path / "net.plan"}

    def test_an_empty_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "net.plan").touch()
        with pytest.raises(InvalidModel, match=r"^net\.plan: an empty file, a TensorRT engine expected$"):
            inspect("TensorRT", tmp_path)


class TestTritonRepository:
    def test_every_file_of_a_version_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "assets").mkdir()
        (tmp_path / "assets" / "vocabulary.txt").touch()
        (tmp_path / "model.onnx").touch()
        assert set(inspect("TritonRepository", tmp_path).files) == {"assets/vocabulary.txt", "model.onnx"}

    def test_files_without_a_version_folder_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "config.pbtxt").touch()
        (tmp_path / "model.onnx").touch()
        with pytest.raises(InvalidModel, match=r"^no version folder beside config\.pbtxt; put the model's own files"):
            inspect("TritonRepository", tmp_path)
