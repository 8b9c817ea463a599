"""A model is chosen by name, and a file takes the place of the example's own."""

from __future__ import annotations

import pytest

from modelport.discovery import DiscoveryError, FilePlace, Operation, choose, declare, fill


def operation(model: str, api: str, url: str = "", **members: object) -> Operation:
    return Operation(api, model, "POST", url or f"http://h/{api}/{model}", **{"example": {}, **members})


OPERATIONS = (
    operation("cups", "nnc"),
    operation("cups", "nexus"),
    operation("half", "tensorflow-serving", "http://h/plain"),
    operation("half", "tensorflow-serving", "http://h/of-version"),
)
NNC = operation(
    "cups",
    "nnc",
    example={"inputs": [{"type": "png", "data": "AAAA"}, {"type": "vector", "data": [1]}]},
    file=FilePlace("/inputs/0/data", "image/png", "/inputs/0/type"),
)


@pytest.mark.parametrize(
    ("model", "api", "url"),
    [
        pytest.param("cups", None, "http://h/nnc/cups", id="the first API of the model"),
        pytest.param("cups", "nexus", "http://h/nexus/cups", id="the API asked for"),
        pytest.param("half", "tensorflow-serving", "http://h/plain", id="the first operation of several"),
    ],
)
def test_the_plainest_way_is_chosen(model: str, api: str | None, url: str) -> None:
    assert choose(OPERATIONS, model, api).url == url


@pytest.mark.parametrize(
    ("operations", "model", "api", "message"),
    [
        (OPERATIONS, "plates", None, "no example request for a model 'plates', only for cups, half"),
        ((), "plates", None, "the server has no example request for any model"),
        (
            OPERATIONS,
            "cups",
            "azureml",
            "'cups' has no example request for the API 'azureml'; it has them for nnc, nexus",
        ),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    operations: tuple[Operation, ...], model: str, api: str | None, message: str
) -> None:
    with pytest.raises(DiscoveryError, match=message):
        choose(operations, model, api)


def test_the_example_is_sent_as_it_stands() -> None:
    assert fill(NNC) is NNC.example


def test_a_file_is_put_into_its_place_and_nothing_else_changes() -> None:
    filled = fill(NNC, b"\xff\xd8")
    assert filled == {"inputs": [{"type": "png", "data": "/9g="}, {"type": "vector", "data": [1]}]}
    assert NNC.example["inputs"][0]["data"] == "AAAA"


def test_a_request_without_a_file_takes_none() -> None:
    with pytest.raises(DiscoveryError, match="requests to model 'cups' hold no file in the API 'nexus'"):
        fill(OPERATIONS[1], b"x")


@pytest.mark.parametrize(
    ("name", "type_"), [("a/cup.JPG", "jpg"), ("cup.tar.png", "png"), ("cup", "png"), ("-", "png")]
)
def test_the_files_ending_is_its_declared_type(name: str, type_: str) -> None:
    assert declare(NNC, name).example["inputs"][0]["type"] == type_
    assert NNC.example["inputs"][0]["type"] == "png"


def test_where_no_type_is_declared_nothing_changes() -> None:
    assert declare(OPERATIONS[1], "cup.jpg") is OPERATIONS[1]


@pytest.mark.parametrize(
    ("example", "pointer"),
    [({"a/b": "AAAA"}, "/a~1b"), ({"m~n": "AAAA"}, "/m~0n"), (["AAAA"], "/0"), ({"0": "AAAA"}, "/0"), ("AAAA", "")],
)
def test_pointers_are_those_of_rfc_6901(example: object, pointer: str) -> None:
    given = operation("m", "a", example=example, file=FilePlace(pointer, "text/csv"))
    assert "eA==" in str(fill(given, b"x"))
    assert "AAAA" not in str(fill(given, b"x"))
