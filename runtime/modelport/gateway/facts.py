"""What `Operation` promises to formats for everything that is not an inference."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from modelport.gateway.formats.base import Operation
from modelport.gateway.live_model import LiveModel
from modelport.gateway.models import Models
from modelport.gateway.triton import Triton


async def model_facts(operation: Operation, model: LiveModel, version: int | None, triton: Triton) -> Any:
    """Facts about one model, or one version of it; raises ModelNotFound and Unavailable."""
    match operation:
        case Operation.MODEL_STATUS:
            return model.states(version)
        case Operation.MODEL_METADATA:
            return model.resolve(version)
        case Operation.MODEL_READY:
            return model.answers(version)
        case Operation.MODEL_CONFIG:
            return await triton.config(model.name, model.resolve(version).version)
        case Operation.MODEL_STATISTICS:
            model.states(version)  # an unknown version is told as ours, not in Triton's words
            return await triton.statistics(model.name, version)
        case _:
            return None


async def server_facts(
    operation: Operation, models: Models, opened: AbstractSet[str], ready: bool, triton: Triton
) -> Any:
    """Facts about the server; of models only those in `opened`, which the caller's key opens."""
    match operation:
        case Operation.SERVER_METADATA:
            return await triton.server()
        case Operation.SERVER_LIVE:
            return True
        case Operation.SERVER_READY:
            return ready
        case Operation.REPOSITORY_INDEX:
            return tuple((model.name, state) for model in models if model.name in opened for state in model.states())
        case Operation.MODEL_STATISTICS:
            every = await triton.statistics("", None)
            return every | {"model_stats": [each for each in every["model_stats"] if each["name"] in opened]}
        case _:
            return None
