from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from modelport.api import parse_manifest
from modelport.gateway.errors import GatewayError, ModelNotFound
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Call, Format, Model, Operation, Reply, Route
from modelport.gateway.openapi import KEY_NEEDED, KEY_WELCOME, build_openapi, schema_of
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta, TensorSpec

ANSWER = {"responses": {"200": {"description": "The answer"}}}


def a_model(name: str, *, anonymous: bool = False, labels: Mapping[str, int] | None = None) -> Model:
    model = {"name": name, "format": "ONNX", "source": {"uri": "https://models.example.com/model.onnx"}}
    if labels:
        model["versions"] = {"policy": "All", "labels": labels}
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": name.replace("_", "-")},
        "spec": {"model": model, "access": {"anonymous": anonymous}},
    }
    meta = ModelMeta(
        name=name,
        version=1,
        platform="onnxruntime_onnx",
        max_batch_size=8,
        inputs={"x": TensorSpec("x", "FP32", (-1,)), "text": TensorSpec("text", "BYTES", (-1, 3))},
        outputs={"y": TensorSpec("y", "FP32", (-1, 2))},
    )
    return Model(name, parse_manifest(manifest, where="test").spec, ("cup", "bowl"), meta)


class Plain:
    """A format whose errors are `{"error": TEXT}`, with one address of its own and one that all models share."""

    name = "plain"
    prefixes: Sequence[str] = ("/plain",)
    routes: Sequence[Route] = (
        Route("POST", "/plain/{model}", Operation.INFER),
        Route("GET", "/plain/live", Operation.SERVER_LIVE),
        Route("GET", "/plain/index", Operation.REPOSITORY_INDEX),
    )

    def openapi(self, model: Model) -> dict[str, Any]:
        return {
            f"/plain/{model.name}": {
                "parameters": [{"name": "verbose", "in": "query", "schema": {"type": "boolean"}}],
                "post": {"operationId": "infer", **ANSWER},
            },
            "/plain/live": {"get": {"operationId": "live", **ANSWER}},
            "/plain/index": {"get": {"operationId": "index", **ANSWER}},
        }

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        return Reply(error.status, orjson.dumps({"error": error.message}))

    def decode(self, call: Call, model: Model) -> InferRequest:
        raise NotImplementedError

    def encode(self, result: InferResult, request: InferRequest, call: Call, model: Model) -> Reply:
        raise NotImplementedError

    def describe(self, call: Call, model: Model | None, facts: Any) -> Reply:
        raise NotImplementedError

    def model_not_found(self, call: Call, error: ModelNotFound) -> GatewayError:
        return error


class Coded(Plain):
    """A format with statuses of its own, as prediction-one has, and an error that it describes itself."""

    name = "coded"
    prefixes = ("/coded",)
    routes = (Route("POST", "/coded/{model}", Operation.INFER),)

    def openapi(self, model: Model) -> dict[str, Any]:
        responses = {"200": {"description": "Scores"}, "500": {"description": "Its own words"}}
        return {f"/coded/{model.name}": {"post": {"operationId": "score", "responses": responses}}}

    def encode_error(self, error: GatewayError, call: Call) -> Reply:
        status = 500 if error.status >= 500 else 400
        return Reply(status, orjson.dumps({"code": 4001000204, "message": error.message}))


PLAIN, CODED = Plain(), Coded()


def built(*models: tuple[Model, Sequence[Format]], server_url: str | None = None) -> dict[str, Any]:
    """The document as a client gets it, which is valid."""
    document: dict[str, Any] = json.loads(orjson.dumps(build_openapi(models, server_url)))
    OpenAPIV31SpecValidator(document).validate()
    return document


TWO = ((a_model("half_plus_two"), [PLAIN, CODED]), (a_model("echo", anonymous=True), [PLAIN]))


def test_every_model_has_the_addresses_of_its_formats_and_no_others() -> None:
    models = {"/plain/half_plus_two", "/plain/echo", "/coded/half_plus_two"}
    shared = {"/plain/live", "/plain/index", "/healthz", "/readyz", "/openapi.json"}
    assert built(*TWO)["paths"].keys() == models | shared


def test_without_models_there_is_the_gateway() -> None:
    assert built()["paths"].keys() == {"/healthz", "/readyz", "/openapi.json"}


@pytest.mark.parametrize(
    ("path", "method", "security", "tags"),
    [
        pytest.param("/plain/half_plus_two", "post", KEY_NEEDED, ["half_plus_two"], id="a model needs its key"),
        pytest.param("/plain/echo", "post", [], ["echo"], id="an anonymous model needs none"),
        pytest.param("/plain/live", "get", [], ["gateway"], id="nor does the server's health"),
        pytest.param("/plain/index", "get", KEY_WELCOME, ["gateway"], id="the index shows what a key opens"),
        pytest.param("/readyz", "get", [], ["gateway"], id="the gateway's own addresses need none"),
    ],
)
def test_who_may_ask(path: str, method: str, security: list[Any], tags: list[str]) -> None:
    operation = built(*TWO)["paths"][path][method]
    assert operation["security"] == security
    assert operation["tags"] == tags
    assert ("401" in operation["responses"]) is bool(security)


def test_an_address_of_the_server_is_the_servers_with_one_model_too() -> None:
    live = built(TWO[0])["paths"]["/plain/live"]["get"]
    assert (live["tags"], live["operationId"]) == (["gateway"], "live")


def test_operation_ids_are_unique_across_models() -> None:
    paths = built(*TWO)["paths"]
    assert paths["/plain/half_plus_two"]["post"]["operationId"] == "half_plus_two-infer"
    assert paths["/plain/echo"]["post"]["operationId"] == "echo-infer"


def test_what_is_no_operation_stays_as_it_is() -> None:
    parameters = built(*TWO)["paths"]["/plain/echo"]["parameters"]
    assert parameters == [{"name": "verbose", "in": "query", "schema": {"type": "boolean"}}]


def test_errors_have_the_formats_own_shape_and_examples() -> None:
    response = built(*TWO)["components"]["responses"]["plain-429"]
    media = response["content"]["application/json"]
    assert media["schema"] == {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    assert "rate limit" in media["examples"]["rate_limited"]["value"]["error"]
    assert "Retry-After" in response["headers"]


def test_errors_have_the_formats_own_statuses() -> None:
    document = built(*TWO)
    responses = document["paths"]["/coded/half_plus_two"]["post"]["responses"]
    assert responses["400"] == {"$ref": "#/components/responses/coded-400"}
    assert responses["500"] == {"description": "Its own words"}, "what a format describes itself is left to it"
    assert "429" not in responses
    assert "rate_limited" in document["components"]["responses"]["coded-400"]["content"]["application/json"]["examples"]


def test_the_server_is_named_where_it_is_known() -> None:
    assert "servers" not in built()
    assert built(server_url="https://models.example.com")["servers"] == [{"url": "https://models.example.com"}]


def test_two_descriptions_of_one_address_are_a_bug() -> None:
    class Odd(Plain):
        def openapi(self, model: Model) -> dict[str, Any]:
            return {"/plain/live": {"get": {"summary": model.name, **ANSWER}}}

    with pytest.raises(ValueError, match="get /plain/live is described differently by half_plus_two and echo"):
        build_openapi([(model, [Odd()]) for model, _ in TWO])


def test_building_changes_nothing_of_a_formats() -> None:
    assert built(*TWO) == built(*TWO)


@pytest.mark.parametrize(
    ("example", "schema"),
    [
        ([{"a": 1}], {"type": "array", "items": schema_of({"a": 1})}),
        ([], {"type": "array", "items": {}}),
        (True, {"type": "boolean"}),
        (1.5, {"type": "number"}),
        (None, {}),
    ],
    ids=["a list of objects", "an empty list", "a bool is no integer", "a float", "null says nothing"],
)
def test_a_schema_is_read_off_an_example(example: Any, schema: dict[str, Any]) -> None:
    assert schema_of(example) == schema


@pytest.mark.parametrize("names", [[name] for name in FORMATS] + [list(FORMATS)], ids=lambda names: " ".join(names))
def test_the_real_formats_make_a_valid_document(names: list[str]) -> None:
    formats = [FORMATS[name] for name in names]
    models = a_model("half_plus_two", labels={"stable": 1}), a_model("echo", anonymous=True)
    document = built(*((model, formats) for model in models))
    assert len(document["paths"]) >= 3 + len(models), "the gateway's own, and those of each model"
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                assert operation["responses"].keys() >= {"200"}
