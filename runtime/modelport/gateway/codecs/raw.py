"""Tensors as raw bytes: little-endian, row-major; an element of BYTES has its length before it, as 4 bytes.

Triton's gRPC (`raw_input_contents`) and the binary tensor data extension of its REST write tensors alike (Open
Inference Protocol v2, "Raw tensor contents").
"""

from __future__ import annotations

import struct

import numpy as np

from modelport.gateway.codecs.words import item
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import DTYPES, Array

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The header, in REST, with the length in bytes of the JSON object in front of a body's tensors."""

_LENGTH = struct.Struct("<I")


def array_to_bytes(array: Array) -> bytes | memoryview:
    """Write a tensor; what is contiguous already is not copied."""
    if array.dtype.kind == "O":
        return b"".join(part for each in array.reshape(-1).tolist() for part in (_LENGTH.pack(len(each)), each))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def strings_from_bytes(data: bytes, count: int, path: str) -> Array:
    """Read `count` elements of BYTES into an array of shape [count].

    Raises:
        BadRequest: with `path` in front, where the bytes are not exactly these.
    """
    if count * _LENGTH.size > len(data):
        raise BadRequest(f"{path}: expected {count} elements with 4 bytes of length each, got {len(data)} bytes")
    items = np.empty(count, DTYPES["BYTES"])
    position = 0
    for index in range(count):
        start = position + _LENGTH.size
        if start > len(data):
            raise BadRequest(f"{item(path, index)}: expected 4 bytes of length, got {len(data) - position}")
        position = start + _LENGTH.unpack_from(data, start - _LENGTH.size)[0]
        if position > len(data):
            raise BadRequest(f"{item(path, index)}: expected {position - start} bytes, got {len(data) - start}")
        items[index] = data[start:position]
    if position != len(data):
        raise BadRequest(f"{path}: expected nothing behind {count} elements, got {len(data) - position} bytes")
    return items
