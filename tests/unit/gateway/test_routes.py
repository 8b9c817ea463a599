"""The router: which format and route a raw path belongs to, and who words the error where none does."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.gateway.errors import BadRequest, MethodNotAllowed, NotFound
from modelport.gateway.formats.base import Operation, Route
from modelport.gateway.routes import Router


class FakeFormat:
    def __init__(self, name: str, prefixes: tuple[str, ...], *routes: tuple[str, str]) -> None:
        self.name = name
        self.prefixes = prefixes
        self.routes = tuple(Route(method, path, Operation.INFER) for method, path in routes)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


TFS = FakeFormat(
    "tfs",
    ("/v1/models",),
    ("GET", "/v1/models/{model}"),
    ("POST", "/v1/models/{model}:predict"),
    ("POST", "/v1/models/{model}/versions/{version}:predict"),
    ("GET", "/v1/models/{model}/labels/{label}/metadata"),
)
OIP = FakeFormat("oip", ("/v2",), ("GET", "/v2"), ("GET", "/v2/models/stats"), ("POST", "/v2/models/{model}/infer"))
NEXUS = FakeFormat("nexus", (), ("POST", "/{model}/predict"))
ROUTER = Router([TFS, OIP, NEXUS])

FOUND = {
    "a model by its name": ("GET", "/v1/models/half", "tfs", {"model": "half"}),
    "a verb behind the name": ("POST", "/v1/models/half:predict", "tfs", {"model": "half"}),
    "a verb behind a version": (
        "POST",
        "/v1/models/half/versions/3:predict",
        "tfs",
        {"model": "half", "version": "3"},
    ),
    "an encoded slash and colon stay inside the name": (
        "POST",
        "/v1/models/a%2Fb%3Ac:predict",
        "tfs",
        {"model": "a/b:c"},
    ),
    "a literal segment wins over a placeholder": ("GET", "/v2/models/stats", "oip", {}),
    "a placeholder takes what no literal did": ("POST", "/v2/models/stats/infer", "oip", {"model": "stats"}),
    "a placeholder as the first segment": ("POST", "/half/predict", "nexus", {"model": "half"}),
    "HEAD is answered like GET": ("HEAD", "/v2", "oip", {}),
}


@pytest.mark.parametrize(("method", "path", "name", "params"), FOUND.values(), ids=FOUND)
def test_finds(method: str, path: str, name: str, params: dict[str, str]) -> None:
    match = ROUTER.match(method, path)

    assert match.error is None
    assert (match.format.name, match.params) == (name, params)


MISSED = {
    "a trailing slash": ("GET", "/v1/models/half/", "tfs", NotFound),
    "an unknown verb": ("POST", "/v1/models/half:divine", "tfs", NotFound),
    "two verbs": ("POST", "/v1/models/half:a:predict", "tfs", NotFound),
    "an empty name": ("POST", "/v1/models/:predict", "tfs", NotFound),
    "the prefix alone": ("GET", "/v1/models", "tfs", NotFound),
    "a path of another prefix": ("GET", "/v2/nothing", "oip", NotFound),
    "a path that only begins like a prefix": ("GET", "/v2x/nothing", "tfs", NotFound),
    "nobody's path is worded by the first format": ("GET", "/", "tfs", NotFound),
    "a wrong method": ("GET", "/v1/models/half:predict", "tfs", MethodNotAllowed),
    "a name that is not UTF-8": ("POST", "/v1/models/%ff:predict", "tfs", BadRequest),
    "raw bytes in a name": ("POST", "/v1/models/\udcff:predict", "tfs", BadRequest),
}


@pytest.mark.parametrize(("method", "path", "name", "error"), MISSED.values(), ids=MISSED)
def test_misses_in_the_words_of_the_nearest_format(method: str, path: str, name: str, error: type) -> None:
    match = ROUTER.match(method, path)

    assert match.format.name == name
    assert type(match.error) is error
    assert str(match.error).encode()


def test_a_wrong_method_names_the_right_ones() -> None:
    error = ROUTER.match("GET", "/v1/models/half:predict").error

    assert isinstance(error, MethodNotAllowed)
    assert error.allow == ("POST",)


def test_a_route_claimed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="claimed twice"):
        Router([NEXUS, FakeFormat("other", (), ("POST", "/{deployment}/predict"))])
