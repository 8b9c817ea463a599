"""The checks on what a model gave, before its numbers are believed.

What is wrong here is the model or what its spec says of it, never the request: the error is an InternalError and names
the field of the spec.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modelport.gateway.codecs.shapes import show_shape
from modelport.gateway.errors import InternalError
from modelport.gateway.tensors import DTYPES, Array

_WIDENED = {DTYPES["FP16"], DTYPES["BF16"]}


def numbers(outputs: Mapping[str, Array], name: str, field: str) -> Array:
    """Return an output's numbers; 16-bit floats become float32, which holds each of their values.

    Args:
        outputs: what the model gave, by name.
        name: of the output.
        field: that names it, for messages: `spec.io.detection.outputs.boxes`.

    Raises:
        InternalError: there is no such output, or it holds strings.
    """
    array = outputs.get(name)
    if array is None:
        known = ", ".join(map(repr, outputs)) or "none"
        raise InternalError(f"{field}: the model has no output {name!r}; it has {known}")
    if array.dtype in _WIDENED:
        return array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise InternalError(f"{field}: expected numbers, the model's output {name!r} holds strings")
    return array


def misfit(field: str, expected: str, array: Array) -> InternalError:
    """Return the error for an output of another shape than its role needs."""
    return InternalError(f"{field}: expected {expected}, the model gave {show_shape(array.shape)}")
