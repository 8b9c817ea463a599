"""The model formats that Triton runs, by their name in `spec.model.format`; the rest is converted (`convert`)."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.repository.formats.base import Backend, Format, ModelSignature, Tensor
from modelport.repository.formats.onnx import Onnx
from modelport.repository.formats.openvino import OpenVino
from modelport.repository.formats.python import Python
from modelport.repository.formats.tensorrt import TensorRT
from modelport.repository.formats.torchscript import TorchScript
from modelport.repository.formats.triton_repository import TritonRepository

__all__ = ["FORMATS", "Backend", "Format", "ModelSignature", "Tensor"]

_ALL: tuple[Format, ...] = (Onnx(), TorchScript(), TensorRT(), OpenVino(), Python(), TritonRepository())

FORMATS: Mapping[str, Format] = {one.name: one for one in _ALL}
