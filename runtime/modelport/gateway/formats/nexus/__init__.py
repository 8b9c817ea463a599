"""The format `nexus`: Datature Nexus' deployed APIs in front of any model of pictures.

request.py    one picture, by URL, in base64 or as an array
routines.py   what is done with the predictions
answer.py     the document's answer
coco.py       the same as a COCO annotation document
openapi.py    the description of it for one model

The document: "Using and Managing Your Deployed API".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from modelport.gateway.codecs.json import dumps
from modelport.gateway.errors import GatewayError, ModelNotFound, NotFound
from modelport.gateway.formats.base import Call, Flagged, Model, Operation, Reply, Route
from modelport.gateway.formats.nexus.answer import Answer, build_answer
from modelport.gateway.formats.nexus.coco import build_coco
from modelport.gateway.formats.nexus.openapi import path_item
from modelport.gateway.formats.nexus.request import Asked, decode_predict, find_urls
from modelport.gateway.tasks.classification import class_scores, probabilities
from modelport.gateway.tasks.detection import read_detections
from modelport.gateway.tasks.predictions import best_class, locate
from modelport.gateway.tensors import InferRequest, InferResult

MASK_THRESHOLD = 0.5
"""Unless the spec says otherwise."""

STATUS_STRINGS: Mapping[int, str] = {401: "Unauthorized", 404: "NotFound"}
"""The document's "Responses"; another status below 500 is BadRequest, the rest are InternalServerError."""


class Nexus:
    """The API of a Nexus deployment, by its document."""

    name = "nexus"
    prefixes: Sequence[str] = ()
    routes: Sequence[Route] = (Route("POST", "/{model}/predict", Operation.INFER),)
    heavy = True

    def urls(self, call: Call, model: Model) -> Sequence[tuple[str, str]]:
        """Name the one picture, where it is given by URL."""
        return find_urls(call, model)

    def decode(self, call: Call, model: Model) -> InferRequest:
        """Read the body and the query of a prediction."""
        return decode_predict(call, model)

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        """Word the predictions, once the routines have gone over them."""
        asked = request.note
        if not isinstance(asked, Asked):
            raise TypeError("the request was not decoded by this format")
        answer = _read(result, asked, model)
        for routine in asked.routines:
            answer = routine(answer)
        worded = build_coco(answer, model.labels, asked.original) if asked.coco else build_answer(answer, model.labels)
        return Reply(body=dumps(worded), flagged=_flagged(answer, asked, model))

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        """Say that there is nothing to describe: the one route is a prediction."""
        raise NotFound("nexus answers predictions alone")

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        """Word an error as `{"error": STATUS STRING, "message": TEXT}`."""
        word = STATUS_STRINGS.get(error.status, "BadRequest" if error.status < 500 else "InternalServerError")
        return Reply(error.status, dumps({"error": word, "message": error.message}))

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        """The document has no words of its own."""
        return error

    def openapi(self, model: Model) -> dict[str, Any]:
        """Describe the model's one address."""
        return {f"/{quote(model.name, safe='')}/predict": path_item(model)}


def _flagged(answer: Answer, asked: Asked, model: Model) -> Flagged | None:
    """Return the picture with its answer, where a routine has flagged it; the answer is never the COCO one."""
    if answer.flagged is None:
        return None
    picture = asked.sent if isinstance(asked.sent, bytes) else asked.sent.array
    return Flagged(picture, dumps(build_answer(answer, model.labels)), answer.flagged)


def _read(result: InferResult, asked: Asked, model: Model) -> Answer:
    """Make predictions of the model's outputs."""
    detection = model.spec.io.detection
    if detection is None:
        (name,) = result.outputs
        chances = probabilities(class_scores(result.outputs, name, 1)[0])
        return Answer((best_class(chances),), chances)
    found = read_detections(result.outputs, detection, asked.size)
    threshold = MASK_THRESHOLD if detection.mask_threshold is None else detection.mask_threshold
    return Answer(locate(found, asked.size, asked.placement.to_original, threshold))
