"""The model formats that Triton runs, by their name in `spec.model.format`; the others are converted (`convert`)."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.repository.formats.base import Format
from modelport.repository.formats.onnx import ONNX
from modelport.repository.formats.openvino import OPENVINO
from modelport.repository.formats.python import PYTHON
from modelport.repository.formats.tensorrt import TENSORRT
from modelport.repository.formats.torchscript import TORCHSCRIPT
from modelport.repository.formats.triton_repository import TRITON_REPOSITORY

FORMATS: Mapping[str, Format] = {
    one.name: one for one in (ONNX, TORCHSCRIPT, TENSORRT, OPENVINO, PYTHON, TRITON_REPOSITORY)
}
