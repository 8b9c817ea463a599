"""The rules of type Serverless that more than one process keeps, as the NNC starter guide has them.

The guide: "API機能の実行タイプ" and "API機能の実行タイプの選択".
"""

from __future__ import annotations

from typing import Final

from modelport.api.execution import Serverless
from modelport.api.model import PublishedModelSpec

FREE_REQUESTS: Final = 500
"""Requests that each model answers before the first one that is paid for."""
MODEL_BYTES: Final = 64_000_000
"""A model's files must be smaller: 64 MB, counted as everywhere here in millions of bytes."""


def serverless_of(spec: PublishedModelSpec) -> Serverless | None:
    """Return how the model runs as Serverless, defaults included; None for type Dedicated."""
    if spec.execution.type != "Serverless":
        return None
    return spec.execution.serverless or Serverless()


def size_problem(size: int) -> str | None:
    """Return what is wrong with a Serverless model whose version has `size` bytes of files; None if nothing is."""
    if size < MODEL_BYTES:
        return None
    return (
        f"Serverless takes models below {MODEL_BYTES / 1e6:g} MB, and this one has {size / 1e6:.3f} MB; "
        "publish it as Dedicated"
    )
