"""The HTTPRoute of a Gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.desired.http_route import build_http_route, has_http_route
from modelport_operator.resources import HTTP_ROUTE

INSTALLED = frozenset({HTTP_ROUTE})


def rules(path: str) -> list[dict[str, Any]]:
    matches = [{"path": {"type": "PathPrefix", "value": path}}]
    return [{"matches": matches, "backendRefs": [{"name": "cups", "port": 80}]}]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a host of its own has the root": (
        {"name": "public", "host": "cups.example.com"},
        {"parentRefs": [{"name": "public"}], "hostnames": ["cups.example.com"], "rules": rules("/")},
    ),
    "a path on a host that it names": (
        {"name": "public", "host": "models.example.com", "path": "/cups"},
        {"parentRefs": [{"name": "public"}], "hostnames": ["models.example.com"], "rules": rules("/cups")},
    ),
    "the listener's host has namespace and name, in another namespace's Gateway": (
        {"name": "public", "namespace": "edge"},
        {"parentRefs": [{"name": "public", "namespace": "edge"}], "rules": rules("/vision/cups")},
    ),
}


@pytest.mark.parametrize(("gateway", "spec"), CASES.values(), ids=CASES)
def test_the_whole_route(
    gateway: dict[str, Any],
    spec: dict[str, Any],
    build_context: Callable[..., Context],
    child: Callable[..., dict[str, Any]],
) -> None:
    context = build_context({"access": {"gateway": gateway}}, optional=INSTALLED, shared_host="shared.example.com")
    assert has_http_route(context)
    assert build_http_route(context) == child("gateway.networking.k8s.io/v1", "HTTPRoute", "gateway", spec)


NONE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nobody asks for one": ({}, {"optional": INSTALLED}),
    "the cluster has no Gateway API": ({"gateway": {"name": "public"}}, {}),
    "an older resource holds the address": (
        {"gateway": {"name": "public"}},
        {"optional": INSTALLED, "host_taken": True},
    ),
    "an Ingress is asked for": ({"ingress": {"host": "cups.example.com"}}, {"optional": INSTALLED}),
}


@pytest.mark.parametrize(("access", "parts"), NONE.values(), ids=NONE)
def test_there_is_no_route_where(
    access: dict[str, Any], parts: dict[str, Any], build_context: Callable[..., Context]
) -> None:
    assert not has_http_route(build_context({"access": access}, **parts))
