"""The neutral middle of the gateway: named tensors, and what a model says of its own.

Formats decode into these types and encode from them; `triton.py` sends them. Nothing here knows a wire. Triton's data
type names (Open Inference Protocol v2, "Tensor Data Types") are used throughout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
"""Triton's data types and how their elements lie in memory; an element of BYTES is a Python `bytes` of any length."""

ANY = -1
"""A dimension of any size."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model says of one input or output.

    `shape` is complete: where the model batches, its first dimension is the batch and is `ANY`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    optional: bool = False
    scalar_rows: bool = False
    """Triton wants one more dimension, of size 1, than the model's own tensor has; `triton.py` adds and removes it."""


@dataclass(frozen=True, slots=True)
class ModelMeta:
    """One loaded version of a model, as Triton describes it.

    `max_batch_size` is 0 where the model has no batch dimension, and then shapes are taken as they stand.
    """

    name: str
    version: int
    platform: str
    max_batch_size: int
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    instances: int = 1
    """Requests that Triton executes side by side."""
    sequence: bool = False
    """A stateful model: its requests belong together by a sequence id and are never joined with others."""


@dataclass(frozen=True, slots=True)
class InferRequest:
    """Tensors for one version of one model.

    `inputs` maps each input's name to an array of its dtype (`DTYPES`) whose shape fits its `TensorSpec`.
    """

    inputs: Mapping[str, Array]
    outputs: tuple[str, ...] | None = None
    """The outputs wanted, in this order; None for all, in the model's order."""
    parameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """Open Inference parameters for Triton (`sequence_id`, `priority` …). A request that has any is never joined."""
    output_parameters: Mapping[str, Mapping[str, bool | int | float | str]] = field(default_factory=dict)
    """The same for single outputs (`classification`)."""
    id: str = ""
    note: object = None
    """The format's own, from its `decode` to its `encode`."""


@dataclass(frozen=True, slots=True)
class InferResult:
    """What Triton answered: each output's array by name, in the order asked for."""

    outputs: Mapping[str, Array]
    version: int
    parameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
