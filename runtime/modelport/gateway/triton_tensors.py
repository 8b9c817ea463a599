"""A request's tensors as Triton takes them, and those of its answer as the gateway has them. Pure.

Both of Triton's protocols write tensors alike, as raw bytes (`codecs/raw.py`), and name their type and shape beside
them. Where a model's own tensor has the batch as its only dimension, Triton's has one more (`TensorSpec.scalar_rows`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modelport.gateway.codecs.raw import array_to_bytes, strings_from_bytes
from modelport.gateway.errors import BadRequest, BadUpstream
from modelport.gateway.tensors import DTYPES, Array, InferRequest, ModelMeta


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor on its way to Triton or back."""

    name: str
    datatype: str
    shape: Sequence[int]
    data: bytes | memoryview


def raw_inputs(meta: ModelMeta, request: InferRequest) -> Iterator[RawTensor]:
    """Yield a request's inputs; what is contiguous in memory is not copied."""
    for name, array in request.inputs.items():
        spec = meta.inputs[name]
        shape = (*array.shape, 1) if spec.scalar_rows else array.shape
        yield RawTensor(name, spec.dtype, shape, array_to_bytes(array))


def read_outputs(meta: ModelMeta, tensors: Iterable[RawTensor]) -> dict[str, Array]:
    """Read the outputs of an answer, by name; but for BYTES they are read-only views of its bytes.

    Raises:
        BadUpstream: an output contradicts itself.
    """
    outputs: dict[str, Array] = {}
    for tensor in tensors:
        spec = meta.outputs.get(tensor.name)
        shape = tensor.shape
        if spec is not None and spec.scalar_rows and shape and shape[-1] == 1:
            shape = shape[:-1]
        outputs[tensor.name] = _read(tensor, tuple(shape))
    return outputs


def _read(tensor: RawTensor, shape: tuple[int, ...]) -> Array:
    dtype = DTYPES.get(tensor.datatype)
    if dtype is None:
        raise BadUpstream(f"Triton answered the output {tensor.name!r} in an unknown data type")
    try:
        if dtype.kind != "O":
            return np.frombuffer(tensor.data, dtype).reshape(shape)
        return strings_from_bytes(bytes(tensor.data), math.prod(shape), tensor.name).reshape(shape)
    except (ValueError, BadRequest) as error:
        raise BadUpstream(
            f"Triton answered the output {tensor.name!r} with {len(tensor.data)} bytes for {list(shape)}"
        ) from error
