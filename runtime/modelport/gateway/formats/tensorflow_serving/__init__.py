"""The format `tensorflow-serving`: TensorFlow Serving's REST API in front of any model.

predict.py     `:predict`, rows and columns
examples.py    `:classify` and `:regress`
describe.py    status and metadata
signatures.py  the names and methods that the three share
text.py        the layout of the answers
samples.py     requests with made-up values
openapi.py     the description of all of it for one model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.api.io import SignatureMethod
from modelport.gateway.codecs.json import DEPTH
from modelport.gateway.codecs.number_list import RANK
from modelport.gateway.errors import BadRequest, GatewayError, ModelNotFound
from modelport.gateway.formats.base import Call, Model, Operation, Reply, Route
from modelport.gateway.formats.tensorflow_serving import examples, predict
from modelport.gateway.formats.tensorflow_serving.describe import metadata_reply, status_reply
from modelport.gateway.formats.tensorflow_serving.openapi import path_items
from modelport.gateway.formats.tensorflow_serving.signatures import VERBS
from modelport.gateway.formats.tensorflow_serving.text import error_text, read_object
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta

_VERSIONED = ("/v1/models/{model}", "/v1/models/{model}/versions/{version}", "/v1/models/{model}/labels/{label}")
_METHODS: Mapping[str, SignatureMethod] = {verb: method for method, verb in VERBS.items()}


class TensorFlowServing:
    """TensorFlow Serving's REST API, by its document and, where that is silent, by the real server."""

    name = "tensorflow-serving"
    prefixes: Sequence[str] = ("/v1/models",)
    routes: Sequence[Route] = tuple(
        route
        for path in _VERSIONED
        for route in (
            Route("GET", path, Operation.MODEL_STATUS),
            Route("GET", f"{path}/metadata", Operation.MODEL_METADATA),
            *(Route("POST", f"{path}:{verb}", Operation.INFER) for verb in _METHODS),
        )
    )
    heavy = False

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """The document knows no pictures by URL."""
        return ()

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read the body of a predict, classify or regress request."""
        rank = max((len(spec.shape) for spec in model.meta.inputs.values()), default=0)
        body = read_object(call.body, model.spec.limits.depth + rank)
        method = _METHODS[call.path.rpartition(":")[2]]
        if method == "Predict":
            return predict.decode_predict(body, model)
        return examples.decode_examples(body, method, model)

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the model's answer in the way of the request."""
        match request.note:
            case predict.Asked() as asked:
                return predict.encode_predict(result, asked)
            case examples.Asked() as asked:
                return examples.encode_examples(result, asked, model.labels)
            case _:
                raise TypeError("the request was not decoded by this format")

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Answer status (facts: the versions' states) or metadata."""
        if model is not None and isinstance(facts, ModelMeta):
            return metadata_reply(model)
        return status_reply(call.params["model"], facts)

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Word an error as `{ "error": "…" }`."""
        return Reply(error.status, error_text(error.message))

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """A body that is no JSON is the first thing the real server sees, before the model's name."""
        if call.route is not None and call.route.operation is Operation.INFER:
            try:
                read_object(call.body, depth=DEPTH + RANK)
            except BadRequest as bad:
                return bad
        return error

    def openapi(self, model: Model) -> dict[str, Any]:
        """Describe the model's addresses, with its own tensors as schemas."""
        return path_items(model)
