"""The format `open-inference`: the Open Inference Protocol v2 over REST, with Triton's extensions for tensors.

    request.py   `infer`: the body to tensors      binary.py   tensors as bytes, both ways
    reply.py     `infer`: tensors to the answer    fields.py   the parts of a request's JSON
    describe.py  metadata, health, index …         refusals.py what is known and not offered
    openapi.py   all of it, for one model

Documents: `inference_rest.md` of kserve/open-inference-protocol; `docs/protocol/extension_*.md` of
triton-inference-server/server. Where both are silent Triton's own HTTP server decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.gateway.codecs import json as codec
from modelport.gateway.errors import GatewayError, ModelNotFound
from modelport.gateway.formats.base import Call, Model, Operation, Reply, Route
from modelport.gateway.formats.open_inference import refusals
from modelport.gateway.formats.open_inference.describe import DESCRIBE
from modelport.gateway.formats.open_inference.openapi import path_items
from modelport.gateway.formats.open_inference.reply import encode_result
from modelport.gateway.formats.open_inference.request import Asked, decode_request
from modelport.gateway.tensors import InferRequest, InferResult

_SERVER = (
    Route("GET", "/v2", Operation.SERVER_METADATA),
    Route("GET", "/v2/health/live", Operation.SERVER_LIVE),
    Route("GET", "/v2/health/ready", Operation.SERVER_READY),
    Route("GET", "/v2/models/stats", Operation.MODEL_STATISTICS),
    Route("POST", "/v2/repository/index", Operation.REPOSITORY_INDEX),
)
_MODEL = tuple(
    route
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
    for route in (
        Route("GET", path, Operation.MODEL_METADATA),
        Route("GET", f"{path}/ready", Operation.MODEL_READY),
        Route("GET", f"{path}/config", Operation.MODEL_CONFIG),
        Route("GET", f"{path}/stats", Operation.MODEL_STATISTICS),
        Route("POST", f"{path}/infer", Operation.INFER),
    )
)


class OpenInference:
    """The Open Inference Protocol v2, REST."""

    name = "open-inference"
    prefixes: Sequence[str] = ("/v2",)
    routes: Sequence[Route] = (*_SERVER, *_MODEL, *refusals.ROUTES)
    heavy = False

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """The document knows no pictures by URL."""
        return ()

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read an inference request: JSON, JSON with binary tensors behind it, or one raw tensor."""
        return decode_request(call, model)

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the model's answer, each output as JSON or as bytes as the request has it."""
        if not isinstance(request.note, Asked):
            raise TypeError("the request was not decoded by this format")
        return encode_result(result, request, model, request.note)

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Answer or refuse everything that is not an inference."""
        if call.route is None:
            raise TypeError("a call without a route has nothing to describe")
        if call.route.operation is Operation.REFUSED:
            refusals.refuse(call.route)
        return DESCRIBE[call.route.operation](call, model, facts)

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Word an error as `{"error":"…"}`."""
        return Reply(error.status, codec.dumps({"error": error.message}))

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """Return the error itself: the protocol has no words of its own for it."""
        return error

    def openapi(self, model: Model) -> dict[str, Any]:
        """Describe the server's addresses and the model's, with its own tensors as schemas."""
        return path_items(model)
