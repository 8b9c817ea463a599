"""The format `nnc`: Sony's Neural Network Console, API functions, in front of any model.

request.py     the named inputs: vectors, pictures, sounds
reply.py       the outputs
openapi.py     the description of it for one model

The document: "API機能の実行", and "実行タイプ" for the two addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from modelport.api.execution import ExecutionType
from modelport.gateway.codecs.json import dumps
from modelport.gateway.errors import GatewayError, ModelNotFound, NotFound
from modelport.gateway.formats.base import Call, Model, Operation, Reply, Route
from modelport.gateway.formats.codes import code_of
from modelport.gateway.formats.nnc.openapi import path_item
from modelport.gateway.formats.nnc.reply import encode_outputs
from modelport.gateway.formats.nnc.request import decode_inputs
from modelport.gateway.tensors import InferRequest, InferResult

ADDRESSES: Mapping[ExecutionType, str] = {
    "Serverless": "/v1/serverless/classifiers/{model}/inference",
    "Dedicated": "/v1/dedicated/classifiers/{model}/inference",
}
"""A model has the address of its type alone: changing the type changes the address."""


def address(model: Model) -> str:
    """Return the path at which a model answers."""
    return ADDRESSES[model.spec.execution.type].format(model=quote(model.name, safe=""))


class Nnc:
    """The API functions of Neural Network Console, by their document."""

    name = "nnc"
    prefixes: Sequence[str] = ("/v1/serverless", "/v1/dedicated")
    routes: Sequence[Route] = tuple(Route("POST", path, Operation.INFER) for path in ADDRESSES.values())
    heavy = True

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """The document knows no pictures by URL."""
        return ()

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read the inputs of one inference; raise NotFound at the address of the other type."""
        own = model.spec.execution.type
        if call.route is None or call.route.path != ADDRESSES[own]:
            raise NotFound(f"model {model.name} is of type {own}: its address is {address(model)}")
        return decode_inputs(call.body, model)

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the model's outputs."""
        return encode_outputs(result, model)

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Say that there is nothing to describe: every route is an inference."""
        raise NotFound("nnc answers inferences alone")

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Word an error as `{"error": CODE, "message": TEXT}`."""
        return Reply(error.status, dumps({"error": code_of(error), "message": error.message}))

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """The document has no words of its own."""
        return error

    def openapi(self, model: Model) -> dict[str, Any]:
        """Describe the model's one address, with its own inputs and outputs as schemas."""
        return {address(model): path_item(model)}
