"""`open-inference`: numpy arrays both ways, by the Open Inference Protocol v2 and its binary tensors.

A body is a JSON object and the tensors' bytes behind it, little-endian and row-major; an element of BYTES has its
length before it, as 4 bytes (`extension_binary_data.md` of triton-inference-server/server). So every value arrives as
it was sent.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelport.client.errors import InvalidCall
from modelport.client.formats.base import Answer, Body, Served, quoted, to_json

Array = NDArray[Any]

HEADER = "Inference-Header-Content-Length"
"""The header with the length in bytes of a body's JSON object."""

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(np.object_),
}
"""The protocol's data types as numpy's; an element of BYTES is a Python `bytes`."""
_DATATYPES: Mapping[np.dtype[Any], str] = {dtype: name for name, dtype in DTYPES.items()}

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensors:
    """What the model answered."""

    outputs: Mapping[str, Array]
    """In the order asked for, with the model's own dtypes; strings are an object array of `bytes`."""
    served: Served


@dataclass(frozen=True, slots=True)
class OpenInference:
    """A prediction by the Open Inference Protocol."""

    api: ClassVar[str] = "open-inference"

    inputs: Mapping[str, ArrayLike]
    """By the inputs' names, with the model's own dtypes: a plain list becomes int64 or float64. Strings are `str` or
    `bytes`."""
    outputs: Sequence[str] = ()
    """Names of those wanted; none are all."""
    version: int | None = None

    def address(self, model: str) -> str:
        """Return the path of `infer`."""
        place = "" if self.version is None else f"/versions/{self.version}"
        return f"/v2/models/{quoted(model)}{place}/infer"

    def encode(self) -> Body:
        """Lay out the JSON object and the tensors behind it."""
        tensors, contents = [], []
        for name, value in self.inputs.items():
            array = _array(value, name)
            contents.append(_to_bytes(array, name))
            size = {"binary_data_size": len(contents[-1])}
            tensors.append({"name": name, "shape": array.shape, "datatype": _datatype(array, name), "parameters": size})
        header: dict[str, Any] = {"inputs": tensors, "parameters": {"binary_data_output": True}}
        if self.outputs:
            header["outputs"] = [{"name": name} for name in self.outputs]
        text = to_json(header)
        return Body(b"".join((text, *contents)), {"Content-Type": "application/octet-stream", HEADER: str(len(text))})

    def decode(self, answer: Answer) -> Tensors:
        """Take the outputs off the bytes behind the JSON object, one after another."""
        end = int(answer.headers.get(HEADER, len(answer.data)))
        header, rest = json.loads(answer.data[:end]), memoryview(answer.data)[end:]
        outputs = {}
        for output in header["outputs"]:
            dtype, shape = DTYPES[output["datatype"]], tuple(output["shape"])
            size = output["parameters"]["binary_data_size"]
            outputs[output["name"]] = _from_bytes(rest[:size], dtype, shape)
            rest = rest[size:]
        return Tensors(outputs, answer.served)


def _array(value: ArrayLike, name: str) -> Array:
    """Return an array, little-endian; strings as objects."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidCall(f"inputs.{name}: expected lists of one length: {error}") from error
    if array.dtype.kind in "US":
        return np.asarray(value, object)  # of the value itself, since numpy's strings lose a NUL at their end
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _datatype(array: Array, name: str) -> str:
    try:
        return _DATATYPES[array.dtype]
    except KeyError as error:
        raise InvalidCall(f"inputs.{name}: an array of {array.dtype} has no data type in the protocol") from error


def _to_bytes(array: Array, name: str) -> bytes:
    if array.dtype.kind != "O":
        return array.tobytes()
    texts = [text.encode() if isinstance(text, str) else text for text in array.reshape(-1)]
    for text in texts:
        if not isinstance(text, bytes):
            raise InvalidCall(f"inputs.{name}: expected str or bytes in an array of objects, got {type(text).__name__}")
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))


def _from_bytes(data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    if dtype.kind != "O":
        return np.frombuffer(bytes(data), dtype).reshape(shape)
    array = np.empty(shape, object)
    array.reshape(-1)[:] = list(_strings(bytes(data)))
    return array


def _strings(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size + length
        if start > len(data):
            raise ValueError("a string ends behind the answer")
        yield data[start - length : start]
