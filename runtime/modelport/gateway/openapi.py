"""The OpenAPI document of exactly what this gateway serves now: the models loaded, each in its formats.

A format describes its own addresses for one model (`Format.openapi`), with examples that the model takes; this module
joins them and adds what is the gateway's: keys, errors in the format's shape, health, and the name of the format. The
examples of errors are made by the format's own `encode_error`, so they cannot differ from what a client gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from modelport import __version__
from modelport.gateway import errors
from modelport.gateway.formats.base import JSON, Call, Format, Model, Operation

Json = dict[str, Any]

API = "x-modelport-api"
"""OpenAPI extension: the format, by its name in `spec.apis`, that an operation belongs to."""

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
"""The members of a path item that are operations."""

SECURITY_SCHEMES: Json = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key of the model."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key as a bearer token."},
}
KEY_NEEDED: list[Json] = [{"apiKey": []}, {"bearer": []}]
KEY_WELCOME: list[Json] = [{}, *KEY_NEEDED]

SERVER_SECURITY: Mapping[Operation, list[Json]] = {
    Operation.SERVER_METADATA: [],
    Operation.SERVER_LIVE: [],
    Operation.SERVER_READY: [],
    Operation.REPOSITORY_INDEX: KEY_WELCOME,
    Operation.MODEL_STATISTICS: KEY_WELCOME,
}
"""Operations that speak of no single model, and what a caller needs for them."""

RETRY_AFTER: Json = {"description": "Seconds after which to come again", "schema": {"type": "integer", "minimum": 1}}
ALLOW: Json = {"description": "The methods that the address takes", "schema": {"type": "string"}}

EXAMPLES: Sequence[errors.GatewayError] = (
    errors.BadRequest("instances[3].x: expected a number, got a string"),
    errors.Unauthorized("a key is needed: send it as x-api-key or as Authorization: Bearer"),
    errors.ModelNotFound("half_plus_two"),
    errors.MethodNotAllowed("this address takes POST", ("POST",)),
    errors.BodyTooLarge("the body is larger than 67108864 bytes"),
    errors.UnsupportedEncoding("Content-Encoding br is not supported: send gzip, deflate or none"),
    errors.RateLimited("the rate limit of 100 requests per second is used up", retry_after=1),
    errors.InternalError("the model failed"),
    errors.BadUpstream("Triton broke the protocol"),
    errors.Unavailable("the model is loading", retry_after=5),
    errors.DeadlineExceeded("no answer within 30 seconds"),
)
"""One of each error that a call may end in; a format maps them to its own statuses."""

READINESS: Json = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"},
        "models": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "ready": {"type": "boolean"},
                    "state": {"enum": ["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]},
                    "reason": {"type": "string"},
                },
                "required": ["ready", "state", "reason"],
            },
        },
    },
    "required": ["ready", "models"],
}


GATEWAY_TAG = "gateway"
"""Of what belongs to no model."""


def _get(summary: str, answers: Mapping[str, tuple[str, str, Json]]) -> Json:
    """Return a path item of the gateway's own; an answer is its meaning, content type and schema, by status."""
    responses = {
        status: {"description": meaning, "content": {content_type: {"schema": schema}}}
        for status, (meaning, content_type, schema) in answers.items()
    }
    return {"get": {"summary": summary, "tags": [GATEWAY_TAG], "security": [], "responses": responses}}


GATEWAY_PATHS: Json = {
    "/healthz": _get("Whether the gateway runs", {"200": ("It runs", "text/plain", {"type": "string"})}),
    "/readyz": _get(
        "Whether every model answers, and why one does not",
        {"200": ("Every model answers", JSON, READINESS), "503": ("Some model does not", JSON, READINESS)},
    ),
    "/openapi.json": _get("This document", {"200": ("This document", JSON, {"type": "object"})}),
}


def build_openapi(models: Sequence[tuple[Model, Sequence[Format]]], server_url: str | None = None) -> Json:
    """Describe `models`, each in the formats that it is served in, as an OpenAPI 3.1 document.

    `server_url` is the address under which clients reach this gateway; None for the one the document came from. An
    address that several models share (`/v2/health/live`) is described once. Raises ValueError where two models or
    formats describe one address differently, which is a bug in a format.
    """
    failures = {form.name: _failures(form) for _, served in models for form in served}
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Modelport",
            "version": __version__,
            "description": "The models that this gateway serves, each by the protocols that it is published in.",
        },
        "tags": [*({"name": model.name} for model, _ in models), {"name": GATEWAY_TAG}],
        "paths": GATEWAY_PATHS | _paths(models, failures),
        "components": {
            "securitySchemes": SECURITY_SCHEMES,
            "responses": {
                f"{name}-{status}": response
                for name, responses in failures.items()
                for status, response in responses.items()
            },
        },
    }
    if server_url:
        document["servers"] = [{"url": server_url}]
    return document


def _paths(models: Sequence[tuple[Model, Sequence[Format]]], failures: Mapping[str, Json]) -> Json:
    described: dict[tuple[str, str], tuple[Any, list[Model], Format]] = {}
    for model, form, path, member, content in _described(models):
        known, sharing, _ = described.setdefault((path, member), (content, [], form))
        if known != content:
            raise ValueError(f"{member} {path} is described differently by {sharing[0].name} and {model.name}")
        sharing.append(model)
    paths: Json = {}
    for (path, member), (content, sharing, form) in described.items():
        if member in METHODS:
            server = _server_operation(form, member, path)
            ours = _of_server(server, sharing) if server else _of_model(content, sharing[0])
            references = {
                status: {"$ref": f"#/components/responses/{form.name}-{status}"}
                for status in failures[form.name]
                if ours["security"] or status != "401"
            }
            responses = references | content.get("responses", {})
            content = content | ours | {API: form.name, "responses": responses}
        paths.setdefault(path, {})[member] = content
    return paths


def _described(models: Sequence[tuple[Model, Sequence[Format]]]) -> Iterator[tuple[Model, Format, str, str, Any]]:
    for model, formats in models:
        for form in formats:
            for path, item in form.openapi(model).items():
                for method, content in item.items():
                    yield model, form, path, method, content


def _server_operation(form: Format, method: str, path: str) -> Operation | None:
    """What the address asks for if it names no model, which is so where the route has it word for word."""
    for route in form.routes:
        if route.path == path and route.method == method.upper():
            return route.operation
    return None


def _of_server(operation: Operation, sharing: Sequence[Model]) -> Json:
    """What the gateway adds to an operation that speaks of no single model."""
    anonymous = all(model.spec.access.anonymous for model in sharing)
    return {"tags": [GATEWAY_TAG], "security": SERVER_SECURITY.get(operation, [] if anonymous else KEY_NEEDED)}


def _of_model(content: Json, model: Model) -> Json:
    """What the gateway adds to an operation of one model; a format need only make its operationId unique in there."""
    named = (
        f"{model.name}-{content['operationId'].removeprefix(f'{model.name}-')}" if "operationId" in content else None
    )
    security = [] if model.spec.access.anonymous else KEY_NEEDED
    return {"tags": [model.name], "security": security} | ({"operationId": named} if named else {})


def _failures(form: Format) -> Json:
    """The format's error responses by its own statuses, with an example of each cause."""
    responses: Json = {}
    for error in EXAMPLES:
        reply = form.encode_error(error, Call(method="POST", path="/", route=None))
        body = orjson.loads(reply.body)
        response = responses.setdefault(str(reply.status), {"description": "", "content": {}})
        response["description"] = _sentence(response["description"], type(error))
        media = response["content"].setdefault(reply.content_type, {"schema": schema_of(body), "examples": {}})
        media["examples"][error.reason] = {"value": body}
        if error.retry_after is not None:
            response.setdefault("headers", {})["Retry-After"] = RETRY_AFTER
        if isinstance(error, errors.MethodNotAllowed):
            response.setdefault("headers", {})["Allow"] = ALLOW
    return responses


def _sentence(before: str, cause: type[errors.GatewayError]) -> str:
    """The first line of each error's docstring says what it means."""
    meaning = (cause.__doc__ or "").strip().splitlines()[0]
    return f"{before} {meaning}".strip()


def schema_of(example: Any) -> Json:
    """The JSON Schema of values shaped like `example`: the same types, the same members."""
    match example:
        case Mapping():
            members = {name: schema_of(value) for name, value in example.items()}
            return {"type": "object", "properties": members, "required": list(members)}
        case list():
            return {"type": "array", "items": schema_of(example[0]) if example else {}}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case _:
            return {}
