"""The oldest of two resources that claim one address keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport.api import PublishedModel
from modelport_operator.addresses import find_route
from modelport_operator.config import Config
from modelport_operator.hosts import Claims, find_claim
from modelport_operator.store import key_of

CONFIG = Config(runtime_image="r", triton_image="t", shared_host="shared.example.com")
WITHOUT_SHARED_HOST = Config(runtime_image="r", triton_image="t")


def resource(name: str, day: int, access: dict[str, Any], namespace: str = "vision") -> dict[str, Any]:
    created = f"2026-11-{day:02}T00:00:00Z"
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"access": access}}


def claims_of(*resources: dict[str, Any], config: Config = CONFIG) -> Claims:
    claims = Claims(config)
    for each in resources:
        claims.take(key_of(each), each)
    return claims


HOST = {"host": "a.example.com"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "one host for both": ({"ingress": HOST}, {"ingress": HOST}, True),
    "a slash behind the path makes no difference": (
        {"ingress": {**HOST, "path": "/cups"}},
        {"ingress": {**HOST, "path": "/cups/"}},
        True,
    ),
    "the root said in two ways": ({"ingress": HOST}, {"ingress": {**HOST, "path": "/"}}, True),
    "an Ingress and a Gateway at one host": ({"ingress": HOST}, {"gateway": {"name": "g", **HOST}}, True),
    "the shared host by its name": (
        {"ingress": {"host": "shared.example.com", "path": "/cups"}},
        {"ingress": {"path": "/cups"}},
        True,
    ),
    "one path on one Gateway's listener": (
        {"gateway": {"name": "g", "path": "/cups"}},
        {"gateway": {"name": "g", "namespace": "vision", "path": "/cups"}},
        True,
    ),
    "two paths of one host": ({"ingress": HOST}, {"ingress": {**HOST, "path": "/cups"}}, False),
    "two hosts": ({"ingress": HOST}, {"ingress": {"host": "b.example.com"}}, False),
    "each its own path on the shared host": ({"ingress": {}}, {"ingress": {}}, False),
    "one path on two Gateways' listeners": (
        {"gateway": {"name": "g", "path": "/cups"}},
        {"gateway": {"name": "h", "path": "/cups"}},
        False,
    ),
    "no route": ({}, {}, False),
}


@pytest.mark.parametrize(("elder", "younger", "taken"), CASES.values(), ids=CASES)
def test_two_claims(elder: dict[str, Any], younger: dict[str, Any], taken: bool) -> None:
    first, second = resource("first", 1, elder), resource("second", 2, younger)
    claims = claims_of(second, first)
    assert claims.is_taken(key_of(second)) is taken
    assert not claims.is_taken(key_of(first))


def test_of_two_made_in_one_second_the_same_one_gives_way_whoever_looks() -> None:
    one, other = resource("one", 1, {"ingress": HOST}), resource("other", 1, {"ingress": HOST})
    for claims in (claims_of(one, other), claims_of(other, one)):
        assert not claims.is_taken(key_of(one))
        assert claims.is_taken(key_of(other))


def routed(resource: dict[str, Any], url: str = "https://a.example.com") -> dict[str, Any]:
    return {**resource, "status": {"url": url, "conditions": [{"type": "Routed", "status": "True"}]}}


@pytest.mark.parametrize("holder", ["one", "other"])
@pytest.mark.parametrize(
    ("access", "url"),
    [
        ({"ingress": HOST}, "https://a.example.com"),
        ({"ingress": {"path": "/cups"}}, "http://shared.example.com/cups"),
        ({"gateway": {"name": "g", "path": "/cups"}}, "http://cups.vision.svc"),
    ],
    ids=["a host", "a path of the shared host", "a path of a Gateway's listener"],
)
def test_of_two_made_in_one_second_the_one_that_has_the_route_keeps_it(
    holder: str, access: dict[str, Any], url: str
) -> None:
    both = {name: resource(name, 1, access) for name in ("one", "other")}
    both[holder] = routed(both[holder], url)
    claims = claims_of(*both.values())
    assert {name: claims.is_taken(key_of(each)) for name, each in both.items()} == {
        name: name != holder for name in both
    }


def test_of_two_made_in_one_second_the_one_that_had_another_route_comes_after_the_one_that_has_it() -> None:
    one, other = resource("one", 1, {"ingress": HOST}), resource("other", 1, {"ingress": HOST})
    one, other = routed(one, "https://former.example.com"), routed(other)
    claims = claims_of(one, other)
    assert claims.is_taken(key_of(one))
    assert not claims.is_taken(key_of(other))


def test_the_older_one_wins_against_one_that_is_routed() -> None:
    elder, younger = resource("elder", 1, {"ingress": HOST}), routed(resource("younger", 2, {"ingress": HOST}))
    claims = claims_of(elder, younger)
    assert not claims.is_taken(key_of(elder))
    assert claims.is_taken(key_of(younger))


def test_rivals_look_again_when_one_comes_changes_its_claim_is_routed_or_goes() -> None:
    one, other = resource("one", 1, {"ingress": HOST}), resource("other", 1, {"ingress": HOST})
    elsewhere = resource("one", 1, {"ingress": {"host": "b.example.com"}})
    claims, key = claims_of(other), key_of(one)

    def concerns_other(now: dict[str, Any] | None) -> bool:
        concerned = claims.take(key, now)
        assert concerned in ([], [key_of(other)])
        return bool(concerned)

    assert concerns_other(one)
    assert not concerns_other(one)
    assert concerns_other(routed(one))
    assert not concerns_other(routed(one))
    assert concerns_other(elsewhere)
    assert not concerns_other(routed(elsewhere, "https://b.example.com"))
    assert concerns_other(one)
    assert concerns_other(None)
    assert not concerns_other(None)
    assert not claims.is_taken(key)
    assert not claims.is_taken(key_of(other))


def test_without_a_shared_host_an_ingress_that_names_none_claims_nothing() -> None:
    first, second = (resource(name, 1, {"ingress": {"path": "/cups"}}) for name in ("first", "second"))
    claims = claims_of(first, second, config=WITHOUT_SHARED_HOST)
    assert not any(claims.is_taken(key_of(each)) for each in (first, second))


@pytest.mark.parametrize("config", [CONFIG, WITHOUT_SHARED_HOST], ids=["a shared host", "no shared host"])
@pytest.mark.parametrize(
    "access",
    [
        {},
        {"ingress": {}},
        {"ingress": {"path": "/c/"}},
        {"ingress": HOST},
        {"ingress": {**HOST, "path": "/c"}},
        {"gateway": {"name": "g", **HOST}},
        {"gateway": {"name": "g", "path": "/c", **HOST}},
    ],
    ids=str,
)
def test_what_is_claimed_is_what_is_routed(
    access: dict[str, Any], config: Config, build_model: Callable[..., PublishedModel]
) -> None:
    assert find_claim(resource("cups", 1, access), config) == find_route(build_model({"access": access}), config)
