"""`spec.limits`: how much one request may ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelport.api.frozen import Frozen


class Limits(Frozen):
    """How much one request may ask for, and how many may wait."""

    body_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 64 * 2**20
    """Largest body in bytes, also after decompression; above it 413. 64 MiB by default."""
    tensor_elements: Annotated[int, Field(ge=1, le=2**31 - 1)] = 16 * 2**20
    """Most elements of one tensor; above it 400. 16 Mi by default: 64 MiB of FP32."""
    depth: Annotated[int, Field(ge=1, le=1024)] = 64
    """Deepest nesting of JSON outside tensors; above it 400."""
    pixels: Annotated[int, Field(ge=1, le=2**31 - 1)] = 50_000_000
    """Most pixels of one picture; above it 400. 50 million by default: more than a camera gives, less than a
    decompression bomb needs."""
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Longest time in seconds from a request's arrival to its answer; above it 504."""
    queue_length: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Most requests that wait in one instance; above it 503 with Retry-After."""
