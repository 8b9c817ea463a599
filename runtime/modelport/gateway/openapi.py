"""The OpenAPI document of exactly what this gateway serves now: the models loaded, each in its formats.

A format describes its own addresses for one model (`Format.openapi`); this module joins them and adds what is the
gateway's: keys, errors in the format's shape, health. The examples of errors are made by the format's own
`encode_error`, so they cannot differ from what a client gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from modelport import __version__
from modelport.gateway import errors
from modelport.gateway.formats.base import Call, Format, Model, Operation

Json = dict[str, Any]

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
KEYLESS = frozenset({Operation.SERVER_METADATA, Operation.SERVER_LIVE, Operation.SERVER_READY})
"""What a caller may ask without a key."""

SECURITY_SCHEMES: Json = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key of the model."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key as a bearer token."},
}
KEY_NEEDED: list[Json] = [{"apiKey": []}, {"bearer": []}]

RETRY_AFTER: Json = {"description": "Seconds after which to come again.", "schema": {"type": "integer", "minimum": 1}}

EXAMPLES: Sequence[errors.GatewayError] = (
    errors.BadRequest("instances[3].x: expected a number, got a string"),
    errors.Unauthorized("a key is needed: send it as x-api-key or as Authorization: Bearer"),
    errors.ModelNotFound("half_plus_two"),
    errors.BodyTooLarge("the body is larger than 67108864 bytes"),
    errors.UnsupportedEncoding("Content-Encoding br is not supported: send gzip, deflate or none"),
    errors.RateLimited("the rate limit of 100 requests per second is used up", retry_after=1),
    errors.InternalError("the model failed"),
    errors.BadUpstream("Triton broke the protocol"),
    errors.Unavailable("the model is loading", retry_after=5),
    errors.DeadlineExceeded("no answer within 30 seconds"),
)
"""One of each error that a call may end in; a format maps them to its own statuses."""

HEALTH_PATHS: Json = {
    "/healthz": {
        "get": {
            "summary": "Whether the gateway runs.",
            "tags": ["health"],
            "security": [],
            "responses": {"200": {"description": "It runs."}},
        }
    },
    "/readyz": {
        "get": {
            "summary": "Whether every model answers, and why one does not.",
            "tags": ["health"],
            "security": [],
            "responses": {
                "200": {"description": "Every model answers.", "content": {"application/json": {"schema": {}}}},
                "503": {"description": "Some model does not.", "content": {"application/json": {"schema": {}}}},
            },
        }
    },
}


def build_openapi(models: Sequence[tuple[Model, Sequence[Format]]], server_url: str | None = None) -> Json:
    """Describe `models`, each in the formats that it is served in, as an OpenAPI 3.1 document.

    `server_url` is the address under which clients reach this gateway; None for the one the document came from. An
    address that several models share (`/v2/health/live`) is described once. Raises ValueError where two models or
    formats describe one address differently, which is a bug in a format.
    """
    formats = {form.name: form for _, served in models for form in served}
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Modelport",
            "version": __version__,
            "description": "The models that this gateway serves, each by the protocols that it is published in.",
        },
        "tags": [*({"name": model.name} for model, _ in models), {"name": "health"}],
        "paths": dict(HEALTH_PATHS) | _paths(models),
        "components": {
            "securitySchemes": SECURITY_SCHEMES,
            "responses": {
                f"{form.name}-{status}": response
                for form in formats.values()
                for status, response in _error_responses(form).items()
            },
        },
    }
    if server_url:
        document["servers"] = [{"url": server_url}]
    return document


def _paths(models: Sequence[tuple[Model, Sequence[Format]]]) -> Json:
    described: dict[tuple[str, str], tuple[Any, list[str], bool, Format]] = {}
    for model, form, path, method, content in _described(models):
        needs_key = not model.spec.access.anonymous and path not in _keyless_paths(form)
        if (path, method) not in described:
            described[path, method] = (content, [model.name], needs_key, form)
            continue
        known, names, _, _ = described[path, method]
        if known != content:
            raise ValueError(f"{method} {path} is described differently by {names[0]} and {model.name} ({form.name})")
        names.append(model.name)
    paths: Json = {}
    for (path, method), (content, names, needs_key, form) in described.items():
        item = paths.setdefault(path, {})
        item[method] = _operation(content, names, needs_key, form) if method in METHODS else content
    return paths


def _described(models: Sequence[tuple[Model, Sequence[Format]]]) -> Iterator[tuple[Model, Format, str, str, Any]]:
    for model, formats in models:
        for form in formats:
            for path, item in form.openapi(model).items():
                for method, content in item.items():
                    yield model, form, path, method, content


def _operation(content: Json, names: Sequence[str], needs_key: bool, form: Format) -> Json:
    """A format's operation with its tags, its security and the errors that the format left to us."""
    ours: Json = {
        "security": KEY_NEEDED if needs_key else [],
        "responses": _error_references(form, needs_key) | content.get("responses", {}),
    }
    if len(names) == 1:
        ours["tags"] = [names[0]]
        if "operationId" in content:
            ours["operationId"] = f"{names[0]}-{content['operationId']}"
    return content | ours


def _error_references(form: Format, needs_key: bool) -> Json:
    return {
        status: {"$ref": f"#/components/responses/{form.name}-{status}"}
        for status in _error_responses(form)
        if needs_key or status != "401"
    }


def _error_responses(form: Format) -> Json:
    """The format's errors by its own statuses, with an example of each cause."""
    responses: Json = {}
    for error in EXAMPLES:
        reply = form.encode_error(error, Call(method="POST", path="/", route=None))
        body = orjson.loads(reply.body)
        response = responses.setdefault(str(reply.status), {"description": "", "content": {}})
        response["description"] = _sentence(response["description"], type(error))
        media = response["content"].setdefault(reply.content_type, {"schema": schema_of(body), "examples": {}})
        media["examples"][error.reason] = {"value": body}
        if error.retry_after is not None:
            response["headers"] = {"Retry-After": RETRY_AFTER}
    return responses


def _sentence(before: str, cause: type[errors.GatewayError]) -> str:
    """The first line of each error's docstring says what it means."""
    meaning = (cause.__doc__ or "").strip().splitlines()[0]
    return f"{before} {meaning}".strip()


def _keyless_paths(form: Format) -> frozenset[str]:
    return frozenset(route.path for route in form.routes if route.operation in KEYLESS)


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
