"""A model saved by TensorFlow and one by nnabla give the same numbers after their conversion."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from modelport.api import PublishedModel, parse_manifest
from modelport.repository.cache import Cache
from modelport.repository.capabilities import WHEEL
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Tensor
from modelport.repository.prepare import prepare
from modelport.repository.publish import Published

pytestmark = [pytest.mark.converters, pytest.mark.timeout(600)]

SAVED_MODEL = """
import sys, tensorflow as tf
class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": x * 0.5 + 2.0, "total": tf.reduce_sum(x, 1)}
model = Model()
tf.saved_model.save(model, sys.argv[1], signatures=model.__call__)
"""

NNP = """
import sys, nnabla as nn, nnabla.functions as F
from nnabla.utils.save import save
x = nn.Variable((1, 3))
y = F.add_scalar(F.mul_scalar(x, 0.5), 2.0)
network = {"name": "net", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
save(sys.argv[1], {"networks": [network],
    "executors": [{"name": "Executor", "network": "net", "data": ["x"], "output": ["y"]}]})
"""


def make(variable: str, code: str, place: Path) -> None:
    """Let the converter's own interpreter write a model."""
    subprocess.run([os.environ[variable], "-c", code, str(place)], check=True, capture_output=True)


def publish(fmt: str, source: Path, folder: Path) -> Published:
    return prepare(resource(fmt, source), target=folder / "target", cache=Cache(folder / "cache"), capabilities=WHEEL)


def resource(fmt: str, source: Path) -> PublishedModel:
    head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "m"}}
    spec = {"model": {"format": fmt, "source": {"uri": f"file:{source}"}}}
    return parse_manifest({**head, "spec": spec}, where="test")


def evaluate(model: Path, **inputs: Any) -> list[Any]:
    return list(ReferenceEvaluator(onnx.load(model)).run(None, inputs))


def test_a_saved_model(tmp_path: Path) -> None:
    make("MODELPORT_SAVEDMODEL_PYTHON", SAVED_MODEL, tmp_path / "source" / "7")
    found = publish("SavedModel", tmp_path / "source", tmp_path)
    assert found.versions == (7,)
    assert found.signature.batchable
    assert found.signature.inputs == (Tensor("x", "FP32", (-1, 3)),)
    assert set(found.signature.outputs) == {Tensor("y", "FP32", (-1, 3)), Tensor("total", "FP32", (-1,))}
    answers = evaluate(found.path / "7" / "model.onnx", x=np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    by_name = dict(zip([tensor.name for tensor in found.signature.outputs], answers, strict=True))
    assert by_name["y"].tolist() == [[2.5, 3, 3.5], [4, 4.5, 5]]
    assert by_name["total"].tolist() == [6, 15]


def test_a_saved_model_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "saved_model.pb").write_bytes(b"garbage")
    with pytest.raises(InvalidModel, match=r"^SavedModel could not be converted to ONNX: .*Cannot parse file"):
        publish("SavedModel", tmp_path / "source", tmp_path)


def test_an_nnp(tmp_path: Path) -> None:
    make("MODELPORT_NNP_PYTHON", NNP, tmp_path / "net.nnp")
    found = publish("NNP", tmp_path / "net.nnp", tmp_path)
    assert found.signature.inputs == (Tensor("x", "FP32", (1, 3)),)
    assert not found.signature.batchable
    assert evaluate(found.path / "1" / "model.onnx", x=np.array([[1, 2, 3]], np.float32))[0].tolist() == [[2.5, 3, 3.5]]
