"""Whether an array is what a model takes: the check that every format makes before Triton is called."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import ANY, Array, TensorSpec


def check_shape(array: Array, spec: TensorSpec, path: str) -> None:
    """Raise BadRequest, with `path` in front, unless the array's shape fits what the model declares."""
    if not fits(array.shape, spec.shape):
        raise BadRequest(f"{path}: expected shape {show_shape(spec.shape)}, got {show_shape(array.shape)}")


def fits(shape: Sequence[int], declared: Sequence[int]) -> bool:
    """Tell whether a shape has the declared rank and each fixed dimension."""
    return len(shape) == len(declared) and all(want in (ANY, size) for size, want in zip(shape, declared, strict=True))


def show_shape(shape: Sequence[int]) -> str:
    """Write a shape for a message: `[?, 3]`, a question mark for any size."""
    return "[" + ", ".join("?" if size == ANY else str(size) for size in shape) + "]"
