"""The document of a gateway becomes calls; one that lies is refused with a sentence, and never leads elsewhere."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modelport.discovery import FilePlace, NoDocument, Operation, parse_operations

BASE = "http://127.0.0.1:8080"
PREDICT = {
    "tags": ["half"],
    "x-modelport-api": "tensorflow-serving",
    "security": [{"apiKey": []}, {"bearer": []}],
    "requestBody": {"content": {"application/json": {"schema": {}, "example": {"instances": [1.0]}}}},
}
PICTURE = {"inputs": [{"name": "image", "type": "png", "data": "iVBORw0="}]}


def document(path: str = "/v1/models/half:predict", method: str = "post", **members: Any) -> dict[str, Any]:
    """A document of one operation; a member that is None is left out."""
    operation = {name: value for name, value in {**copy.deepcopy(PREDICT), **members}.items() if value is not None}
    return {"openapi": "3.1.0", "paths": {path: {method: operation}}}


def body(example: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"example": example}}}


def test_an_operation_is_an_address_and_a_request() -> None:
    assert parse_operations(document(), BASE) == (
        Operation(
            api="tensorflow-serving",
            model="half",
            method="POST",
            url="http://127.0.0.1:8080/v1/models/half:predict",
            example={"instances": [1.0]},
            file=None,
            key_needed=True,
        ),
    )


def test_the_place_of_a_file_is_kept() -> None:
    place = {"pointer": "/inputs/0/data", "mediaType": "image/png", "typePointer": "/inputs/0/type"}
    (operation,) = parse_operations(document(requestBody=body(PICTURE), **{"x-modelport-file": place}), BASE)
    assert operation.file == FilePlace("/inputs/0/data", "image/png", "/inputs/0/type")


@pytest.mark.parametrize(
    ("security", "needed"),
    [([{"apiKey": []}], True), ([], False), ([{}, {"apiKey": []}], False), (None, False)],
    ids=["a key", "nothing", "a key or nothing", "no word of it"],
)
def test_whether_a_key_is_needed(security: Any, needed: bool) -> None:
    assert parse_operations(document(security=security), BASE)[0].key_needed is needed


def test_a_base_with_a_path_stays_before_the_paths() -> None:
    (operation,) = parse_operations(document(), "https://h/vision/half/")
    assert operation.url == "https://h/vision/half/v1/models/half:predict"


def test_examples_of_the_paths_parameters_are_put_in() -> None:
    parameters = [{"name": "version", "in": "path", "example": 3}, {"name": "format", "in": "query", "example": "coco"}]
    (operation,) = parse_operations(document("/v1/models/half/versions/{version}:predict", parameters=parameters), BASE)
    assert operation.url == f"{BASE}/v1/models/half/versions/3:predict"


@pytest.mark.parametrize(
    "given",
    [
        document(**{"x-modelport-api": None}),
        document(requestBody=None),
        document(requestBody={"content": {"application/json": {"schema": {}}}}),
        document("/v1/models/half/versions/{version}:predict"),
        {"paths": {"/v1": {"parameters": [{"name": "verbose"}]}}},
        {"paths": {}},
    ],
    ids=["another server's", "without a body", "without an example", "with an open path", "without a method", "none"],
)
def test_what_cannot_be_called_as_it_stands_is_left_out(given: Any) -> None:
    assert parse_operations(given, BASE) == ()


def test_an_example_may_be_null() -> None:
    assert parse_operations(document(requestBody=body(None)), BASE)[0].example is None


@pytest.mark.parametrize("path", ["@evil.example.com/x", "evil", "/a b", "/a\r\nX-Evil: 1", "/ä", "", "/a\n"])
def test_a_path_that_leaves_the_server_is_refused(path: str) -> None:
    with pytest.raises(NoDocument, match="expected a path of a URL"):
        parse_operations(document(path), BASE)


def test_a_parameter_cannot_lead_out_of_its_segment() -> None:
    parameters = [{"name": "version", "in": "path", "example": "../../x?y"}]
    (operation,) = parse_operations(document("/v1/{version}:predict", parameters=parameters), BASE)
    assert operation.url == f"{BASE}/v1/..%2F..%2Fx%3Fy:predict"


def test_servers_are_not_believed() -> None:
    lying = document() | {"servers": [{"url": "https://evil.example.com"}]}
    assert parse_operations(lying, BASE)[0].url.startswith(BASE)


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ([], "the document: expected an object"),
        ({}, "the document: expected the member paths, a JSON object"),
        ({"paths": []}, "the document: expected the member paths, a JSON object"),
        ({"paths": {"/x": 3}}, "/x: expected an object"),
        (document(tags=None), "post /v1/models/half:predict: expected the member tags, a list"),
        (document(tags=[]), "expected the model's name as its first tag"),
        (document(tags=[3]), "expected the model's name as its first tag"),
        (document(**{"x-modelport-api": 3}), "expected the member x-modelport-api, a text"),
        (document(requestBody=3), "requestBody: expected an object"),
        (document(requestBody={"content": []}), "content: expected an object"),
        (document(parameters={}), "expected parameters to be a list"),
        (document(**{"x-modelport-file": "/data"}), "x-modelport-file, a JSON object"),
        (document(**{"x-modelport-file": {"pointer": "/instances/0"}}), "the member mediaType, a text"),
        (document(**{"x-modelport-file": {"pointer": "/x", "mediaType": "image/png"}}), "/x, where the example has no"),
        (document(**{"x-modelport-file": {"pointer": "/instances/1", "mediaType": "a/b"}}), "the example has nothing"),
        (document(**{"x-modelport-file": {"pointer": "/instances/0", "mediaType": "a/b"}}), "the example has no text"),
        (document(**{"x-modelport-file": {"pointer": "x", "mediaType": "image/png"}}), "the example has nothing"),
    ],
)
def test_a_lie_is_named_with_its_place(lie: Any, message: str) -> None:
    with pytest.raises(NoDocument, match=message):
        parse_operations(lie, BASE)
