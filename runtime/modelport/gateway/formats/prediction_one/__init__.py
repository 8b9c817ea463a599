"""The format `prediction-one`: tables in CSV to a tabular model, as Sony's Prediction One has its APIs.

request.py     the table, and what the answer should hold
columns.py     the table's columns → the model's inputs
reply.py       predictions, probabilities and reasons as CSV
errors.py      the document's codes and messages
openapi.py     the description of it for one model

The document: "Retrain Data Upload APIの仕様", whose errors these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from modelport.gateway.errors import GatewayError, InternalError, ModelNotFound, NotFound
from modelport.gateway.formats.base import Call, Model, Operation, Reply, Route
from modelport.gateway.formats.prediction_one.errors import encode_error
from modelport.gateway.formats.prediction_one.openapi import path_item
from modelport.gateway.formats.prediction_one.reply import encode_answer
from modelport.gateway.formats.prediction_one.request import Asked, decode_request
from modelport.gateway.tensors import InferRequest, InferResult

ADDRESS = "/v1/external/models/{model}/inference"


class PredictionOne:
    """The external APIs of Prediction One, by their document."""

    name = "prediction-one"
    prefixes: Sequence[str] = ("/v1/external",)
    routes: Sequence[Route] = (Route("POST", ADDRESS, Operation.INFER),)
    heavy = True

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """The document knows no pictures."""
        return ()

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read the table and the wishes of one inference."""
        return decode_request(call.body, model)

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the predictions as the request asked."""
        if not isinstance(request.note, Asked):
            raise InternalError("the answer belongs to no request of prediction-one")
        return encode_answer(result, request.note, model)

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Say that there is nothing to describe: every route is an inference."""
        raise NotFound("prediction-one answers inferences alone")

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Word an error as `{"code": CODE, "error": NAME, "message": TEXT}`."""
        return encode_error(error)

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """The document's words for it are those of `encode_error`."""
        return error

    def openapi(self, model: Model) -> dict[str, Any]:
        """Describe the model's one address, with an example of its own columns."""
        return {ADDRESS.format(model=quote(model.name, safe="")): path_item(model)}
