"""The oldest of two resources that claim one address keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport.api import PublishedModel
from modelport_operator.addresses import find_route
from modelport_operator.config import Config
from modelport_operator.hosts import find_claim, find_rivals, is_host_taken
from modelport_operator.store import key_of

CONFIG = Config(runtime_image="r", triton_image="t", shared_host="shared.example.com")
WITHOUT_SHARED_HOST = Config(runtime_image="r", triton_image="t")


def resource(name: str, day: int, access: dict[str, Any], namespace: str = "vision") -> dict[str, Any]:
    created = f"2026-11-{day:02}T00:00:00Z"
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"access": access}}


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
    known = [(key_of(each), each) for each in (second, first)]
    assert is_host_taken(second, known, CONFIG) is taken
    assert not is_host_taken(first, known, CONFIG)


def test_of_two_made_in_one_second_the_same_one_gives_way_whoever_looks() -> None:
    one, other = resource("one", 1, {"ingress": HOST}), resource("other", 1, {"ingress": HOST})
    known = [(key_of(each), each) for each in (one, other)]
    assert is_host_taken(one, known, CONFIG) != is_host_taken(other, known, CONFIG)


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
    known = [(key_of(each), each) for each in both.values()]
    assert {name: is_host_taken(each, known, CONFIG) for name, each in both.items()} == {
        name: name != holder for name in both
    }


def test_of_two_made_in_one_second_the_one_that_had_another_route_comes_after_the_one_that_has_it() -> None:
    one, other = resource("one", 1, {"ingress": HOST}), resource("other", 1, {"ingress": HOST})
    one, other = routed(one, "https://former.example.com"), routed(other)
    known = [(key_of(each), each) for each in (one, other)]
    assert is_host_taken(one, known, CONFIG)
    assert not is_host_taken(other, known, CONFIG)


def test_the_older_one_wins_against_one_that_is_routed() -> None:
    elder, younger = resource("elder", 1, {"ingress": HOST}), routed(resource("younger", 2, {"ingress": HOST}))
    known = [(key_of(each), each) for each in (elder, younger)]
    assert not is_host_taken(elder, known, CONFIG)
    assert is_host_taken(younger, known, CONFIG)


def test_rivals_look_again_when_one_comes_changes_its_claim_is_routed_or_goes() -> None:
    one, other = resource("one", 1, {"ingress": HOST}), resource("other", 1, {"ingress": HOST})
    elsewhere = resource("one", 1, {"ingress": {"host": "b.example.com"}})
    known = [(key_of(other), other)]

    def rivals(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
        return find_rivals(before, after, known, CONFIG) == [key_of(other)]

    assert rivals(None, one)
    assert rivals(elsewhere, one)
    assert rivals(one, elsewhere)
    assert rivals(one, routed(one))
    assert rivals(one, None)
    assert not rivals(one, one)
    assert not rivals(routed(one), routed(one))
    assert not rivals(elsewhere, None)


def test_without_a_shared_host_an_ingress_that_names_none_claims_nothing() -> None:
    first, second = (resource(name, 1, {"ingress": {"path": "/cups"}}) for name in ("first", "second"))
    known = [(key_of(each), each) for each in (first, second)]
    assert not any(is_host_taken(each, known, WITHOUT_SHARED_HOST) for each in (first, second))


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
