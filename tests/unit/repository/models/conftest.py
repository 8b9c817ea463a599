"""Models small enough to write in a test, and the manifests that publish them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from modelport.api import PublishedModel, parse_manifest

WriteOnnx = Callable[..., Path]
Manifest = Callable[..., PublishedModel]

DOUBLE = "(float[batch] x) => (float[batch] y) { y = Add(x, x) }"


@pytest.fixture
def write_onnx() -> WriteOnnx:
    """Write an ONNX model given in ONNX's text syntax, `(inputs) => (outputs) { nodes }`."""

    def write(path: Path, graph: str = DOUBLE, *, ir: int = 8, opsets: str = '"": 17') -> Path:
        model = onnx.parser.parse_model(f"<ir_version: {ir}, opset_import: [{opsets}]> g {graph}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
        return path

    return write


@pytest.fixture
def manifest() -> Manifest:
    """Make a PublishedModel of format ONNX; keyword arguments are blocks of the spec, laid over the smallest one."""

    def make(model: dict[str, Any] | None = None, **blocks: Any) -> PublishedModel:
        spec = {"model": {"format": "ONNX", "source": {"uri": "file:m"}, **(model or {})}, **blocks}
        head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "m"}}
        return parse_manifest({**head, "spec": spec}, where="test")

    return make
