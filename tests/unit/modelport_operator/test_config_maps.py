"""What rolls the Pods, and what running Pods read anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.desired.config_maps import build_config, build_live

SOURCE = {"format": "ONNX", "source": {"uri": "s3://models/cups/"}}


def content(manifest: dict[str, Any], name: str) -> Any:
    return json.loads(manifest["data"][name])


def test_the_whole_fixed_half(build_context: Callable[..., Context], child: Callable[..., dict[str, Any]]) -> None:
    config = build_config(build_context({"access": {"anonymous": True}, "limits": {"timeoutSeconds": 5}}))
    assert content(config, "resource.json") == {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "cups", "namespace": "vision"},
        "spec": {"model": SOURCE, "limits": {"timeoutSeconds": 5}},
    }
    whole = child("v1", "ConfigMap", "config", None)
    del whole["spec"]
    whole["metadata"]["name"] = config["metadata"]["name"]
    assert config == whole | {"immutable": True, "data": config["data"]}


ROLLS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "another source": ({"model": {"source": {"uri": "s3://models/bowls/"}}}, {}, True),
    "other limits of time": ({"limits": {"timeoutSeconds": 5}}, {}, True),
    "a word to look for the newest version": ({}, {"annotations": {"modelport.io/refresh": "1"}}, True),
    "a word of the versions": ({"versionTag": "spring"}, {}, True),
    "other annotations": ({}, {"annotations": {"example.com/a": "b"}, "labels": {"a": "b"}}, False),
    "instances": ({"execution": {"instances": 4}}, {}, False),
    "an address": ({"access": {"ingress": {"host": "cups.example.com"}}}, {}, False),
    "a rate limit": ({"access": {"rateLimit": {"requestsPerSecond": 4}}}, {}, False),
    "autoscaling": ({"execution": {"autoscaling": {"maxInstances": 4, "target": 1}}}, {}, False),
    "a default written out": ({"limits": {"timeoutSeconds": 60}}, {}, False),
}


@pytest.mark.parametrize(("spec", "metadata", "rolls"), ROLLS.values(), ids=ROLLS)
def test_new_pods_are_made_for(
    spec: dict[str, Any], metadata: dict[str, Any], rolls: bool, build_context: Callable[..., Context]
) -> None:
    names = [build_config(each)["metadata"]["name"] for each in (build_context(), build_context(spec, metadata))]
    assert len(set(names)) == (2 if rolls else 1)
    assert all(name.startswith("cups-config-") for name in names)


LIMIT = {"access": {"rateLimit": {"requestsPerSecond": 9, "burst": 10}}}
SHARES: dict[str, tuple[dict[str, Any], int, dict[str, Any]]] = {
    "one instance has all of the limit": (LIMIT, 1, {"requestsPerSecond": 9.0, "burst": 10}),
    "three have a third each": (LIMIT, 3, {"requestsPerSecond": 3.0, "burst": 3}),
    "one may always come at once": (LIMIT, 30, {"requestsPerSecond": 0.3, "burst": 1}),
    "a limit without a burst": (
        {"access": {"rateLimit": {"requestsPerSecond": 9}}},
        3,
        {"requestsPerSecond": 3.0},
    ),
}


@pytest.mark.parametrize(("spec", "instances", "share"), SHARES.values(), ids=SHARES)
def test_each_instance_has_its_share_of_the_limit(
    spec: dict[str, Any], instances: int, share: dict[str, Any], build_context: Callable[..., Context]
) -> None:
    live = content(build_live(build_context(spec, instances=instances)), "live.json")
    assert live["spec"]["access"]["rateLimit"] == share


def test_the_route_reaches_the_gateway_with_the_live_half(build_context: Callable[..., Context]) -> None:
    access = {"ingress": {"host": "cups.example.com", "path": "/cups"}}
    assert content(build_live(build_context({"access": access})), "live.json")["spec"] == {"access": access}


def test_what_the_first_fetch_found_is_handed_to_later_ones(build_context: Callable[..., Context]) -> None:
    pins = {"version": "3", "digest": "sha256:" + "0" * 64}
    assert content(build_live(build_context(pins=pins)), "pins.json").items() >= pins.items()
