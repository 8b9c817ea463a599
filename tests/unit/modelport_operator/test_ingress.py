"""The Ingress: at a host of its own, or below a path on the shared one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.desired.ingress import build_ingress, has_ingress

LIMITS = {
    "nginx.ingress.kubernetes.io/proxy-body-size": "67108864",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "65",
}


def rule(host: str, path: str) -> dict[str, Any]:
    backend = {"service": {"name": "cups", "port": {"number": 80}}}
    return {"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a host of its own has the root": (
        {"host": "cups.example.com"},
        {},
        {"rules": [rule("cups.example.com", "/")]},
    ),
    "a path on a host that it names": (
        {"host": "models.example.com", "path": "/cups/"},
        {},
        {"rules": [rule("models.example.com", "/cups")]},
    ),
    "the shared host has namespace and name": (
        {},
        {"shared_host": "models.example.com"},
        {"rules": [rule("models.example.com", "/vision/cups")]},
    ),
    "a path of its own on the shared host": (
        {"path": "/tableware"},
        {"shared_host": "models.example.com"},
        {"rules": [rule("models.example.com", "/tableware")]},
    ),
    "the operator's class": (
        {"host": "cups.example.com"},
        {"ingress_class": "public"},
        {"ingressClassName": "public", "rules": [rule("cups.example.com", "/")]},
    ),
    "a class of its own wins": (
        {"host": "cups.example.com", "className": "inner"},
        {"ingress_class": "public"},
        {"ingressClassName": "inner", "rules": [rule("cups.example.com", "/")]},
    ),
    "TLS with a certificate": (
        {"host": "cups.example.com", "tls": {"secretName": "cups-tls"}},
        {},
        {
            "tls": [{"hosts": ["cups.example.com"], "secretName": "cups-tls"}],
            "rules": [rule("cups.example.com", "/")],
        },
    ),
    "TLS with the controller's certificate": (
        {"tls": {}},
        {"shared_host": "models.example.com"},
        {"tls": [{"hosts": ["models.example.com"]}], "rules": [rule("models.example.com", "/vision/cups")]},
    ),
}


@pytest.mark.parametrize(("ingress", "config", "spec"), CASES.values(), ids=CASES)
def test_the_whole_ingress(
    ingress: dict[str, Any],
    config: dict[str, Any],
    spec: dict[str, Any],
    build_context: Callable[..., Context],
    child: Callable[..., dict[str, Any]],
) -> None:
    context = build_context({"access": {"ingress": ingress}}, **config)
    assert has_ingress(context)
    assert build_ingress(context) == child("networking.k8s.io/v1", "Ingress", "gateway", spec, LIMITS)


def test_annotations_of_the_resource_stand_beside_the_limits_and_win(build_context: Callable[..., Context]) -> None:
    annotations = {"example.com/a": "b", "nginx.ingress.kubernetes.io/proxy-body-size": "0"}
    context = build_context(
        {
            "access": {"ingress": {"host": "cups.example.com", "annotations": annotations}},
            "limits": {"bodyBytes": 1024, "timeoutSeconds": 300},
        }
    )
    assert build_ingress(context)["metadata"]["annotations"] == annotations | {
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "305"
    }


NONE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nobody asks for one": ({}, {"shared_host": "models.example.com"}),
    "there is no host to be had": ({"ingress": {}}, {}),
    "an older resource holds the address": ({"ingress": {"host": "cups.example.com"}}, {"host_taken": True}),
    "a Gateway is asked for": ({"gateway": {"name": "public", "host": "cups.example.com"}}, {}),
}


@pytest.mark.parametrize(("access", "parts"), NONE.values(), ids=NONE)
def test_there_is_no_ingress_where(
    access: dict[str, Any], parts: dict[str, Any], build_context: Callable[..., Context]
) -> None:
    assert not has_ingress(build_context({"access": access}, **parts))
