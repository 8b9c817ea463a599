"""What a Triton can run; lints hold a model against it before Triton starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One build of Triton."""

    name: str
    """For messages: "the Triton of this machine"."""
    version: str
    backends: frozenset[str]
    runners: frozenset[str] = frozenset()
    """Files of `runners/` whose libraries the Python backend's environment has."""
    onnx_ir: int | None = None
    """Newest ONNX IR version its onnxruntime reads; None where nobody has measured it; then Triton says it."""
    onnx_opsets: Mapping[str, int] = field(default_factory=dict)
    """Newest opset by domain, likewise."""


WHEEL = Capabilities(
    name="the Triton of this machine",
    version="2.51.0",
    backends=frozenset({"python"}),
    runners=frozenset({"onnx_model.py"}),
    onnx_ir=14,
    onnx_opsets={"ai.onnx": 28, "ai.onnx.ml": 5},
)
"""The PyPI wheel nvidia-pytriton 0.7.0 with onnxruntime 1.32 in the Python backend's environment; the ONNX limits are
those that onnxruntime itself answered with."""

NVIDIA_IMAGE = Capabilities(
    name="NVIDIA's Triton image",
    version="26.10",
    backends=frozenset({"onnxruntime", "pytorch", "tensorrt", "openvino", "python"}),
)
"""NVIDIA's image for clusters. It has no TensorFlow since 25.03, hence SavedModel is converted."""

BY_NAME: Mapping[str, Capabilities] = {"full": NVIDIA_IMAGE, "wheel": WHEEL}
"""As a Pod's fetch is told of the Triton beside it."""
