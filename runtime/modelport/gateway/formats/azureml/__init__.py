"""The format `azureml`: Azure Machine Learning Package for Computer Vision in front of an image classifier.

request.py     the pictures and their parameters
reply.py       one list of class scores for each picture
openapi.py     the description of it for one model

The document: "エンドポイントを http 要求で直接スコア付けする", and the client's parameters above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from modelport.gateway.codecs.json import dumps
from modelport.gateway.errors import GatewayError, ModelNotFound, NotFound
from modelport.gateway.formats.azureml.openapi import path_item
from modelport.gateway.formats.azureml.reply import encode_scores
from modelport.gateway.formats.azureml.request import Asked, decode_pictures
from modelport.gateway.formats.base import Call, Model, Operation, Reply, Route
from modelport.gateway.formats.codes import code_of
from modelport.gateway.tensors import InferRequest, InferResult

ADDRESS = "/api/v1/service/{model}/score"


class AzureMl:
    """The scoring service of the computer vision package, by its document."""

    name = "azureml"
    prefixes: Sequence[str] = ("/api/v1/service",)
    routes: Sequence[Route] = (Route("POST", ADDRESS, Operation.INFER),)
    heavy = True

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """The document knows no pictures by URL."""
        return ()

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read the pictures of one request, each into one row."""
        return decode_pictures(call.body, model)

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the scores, picture by picture."""
        if not isinstance(request.note, Asked):
            raise TypeError("the request was not decoded by this format")
        return encode_scores(result, request.note)

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Say that there is nothing to describe: the one route scores."""
        raise NotFound("azureml answers scores alone")

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Word an error as `{"error": {"code": CODE, "message": TEXT}}`."""
        return Reply(error.status, dumps({"error": {"code": code_of(error), "message": error.message}}))

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """The document has no words of its own."""
        return error

    def openapi(self, model: Model) -> dict[str, Any]:
        """Describe the model's one address."""
        return {ADDRESS.format(model=quote(model.name, safe="")): path_item(model)}
