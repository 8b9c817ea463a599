"""Tensors as bytes: Triton's binary tensor data extension (`extension_binary_data.md`).

A body is a JSON object and, behind it, the binary tensors in the order in which the object names them. The header
`Inference-Header-Content-Length` says where the object ends. `codecs/raw.py` has the tensors' own layout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from modelport.gateway.codecs.raw import HEADER_LENGTH, strings_from_bytes
from modelport.gateway.codecs.shapes import show_shape
from modelport.gateway.codecs.words import clip
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import ANY, DTYPES, Array, TensorSpec

_DIGITS = 18
"""A longer number is beyond every body."""


def parse_header_length(headers: Mapping[str, str], body_size: int) -> int | None:
    """Return the length of the body's JSON object; None where all of the body is JSON.

    Args:
        headers: of the request, by lower-case name.
        body_size: in bytes, decompressed.

    Raises:
        BadRequest: not a number of bytes that the body has.
    """
    text = headers.get(HEADER_LENGTH.lower())
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) <= body_size):
        raise BadRequest(
            f"{HEADER_LENGTH}: expected a number from 0 to {body_size}, the body's length, got {clip(text)!r}"
        )
    return int(text)


class Tail:
    """The binary tensors behind the JSON object, to be taken one after another; nothing is copied."""

    def __init__(self, body: bytes, start: int) -> None:
        """Take the body and where its JSON object ends."""
        self._rest = memoryview(body)[start:]

    def take(self, size: int, path: str) -> memoryview:
        """Return the next `size` bytes; raise BadRequest, with `path` in front, where there are fewer."""
        if size > len(self._rest):
            raise BadRequest(f"{path}: expected {size} bytes behind the JSON object, got {len(self._rest)}")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def finish(self) -> None:
        """Raise BadRequest unless everything was taken."""
        if self._rest:
            raise BadRequest(f"body: expected nothing behind the last binary tensor, got {len(self._rest)} bytes")


def array_from_bytes(data: memoryview, dtype: str, shape: tuple[int, ...], path: str) -> Array:
    """Read a tensor of a Triton data type; but for BYTES the array is a view of `data` and read-only.

    Raises:
        BadRequest: with `path` in front, where the bytes are not such a tensor.
    """
    kind = DTYPES[dtype]
    count = math.prod(shape)
    if kind.kind == "O":
        return strings_from_bytes(bytes(data), count, path).reshape(shape)
    if len(data) != count * kind.itemsize:
        raise BadRequest(
            f"{path}: expected {count * kind.itemsize} bytes ({dtype}, shape {list(shape)}), got {len(data)}"
        )
    if kind.kind == "b" and np.frombuffer(data, np.uint8).max(initial=0) > 1:
        raise BadRequest(f"{path}: expected bytes of 0 and 1 ({dtype}), got another")
    return np.frombuffer(data, kind).reshape(shape)


def deduce_raw(data: memoryview, spec: TensorSpec, *, batched: bool) -> Array:
    """Read a raw binary request: all of the body is the model's only input, and its shape follows from its length.

    The first dimension of a model that batches is 1. BYTES is one element without a length before it. The document:
    "Raw Binary Request".

    Raises:
        BadRequest: the input's shape leaves a choice, or the length does not fit it.
    """
    shape = (1, *spec.shape[1:]) if batched else spec.shape
    if spec.dtype == "BYTES":
        if any(size not in (ANY, 1) for size in shape):
            raise BadRequest(
                f"body: a raw request is one element, the input {spec.name!r} has the shape {show_shape(shape)}"
            )
        element = np.empty(1, DTYPES["BYTES"])
        element[0] = bytes(data)
        return element.reshape((1,) * len(shape))
    if shape.count(ANY) > 1:
        raise BadRequest(
            f"body: the shape {show_shape(shape)} of the input {spec.name!r} does not follow from a raw request"
        )
    row = math.prod(size for size in shape if size != ANY) * DTYPES[spec.dtype].itemsize
    free = len(data) // row if row else 0
    return array_from_bytes(data, spec.dtype, tuple(free if size == ANY else size for size in shape), "body")
