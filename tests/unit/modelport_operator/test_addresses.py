"""Where a resource's model answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport.api import PublishedModel
from modelport_operator.addresses import base_url, endpoints
from modelport_operator.config import Config

INSIDE = "http://cups.vision.svc"
SHARED = "models.example.com"

CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "without a route, inside the cluster": ({}, SHARED, INSIDE),
    "a host of its own": ({"ingress": {"host": "cups.example.com"}}, SHARED, "http://cups.example.com"),
    "a host of its own with TLS": (
        {"ingress": {"host": "cups.example.com", "tls": {}}},
        SHARED,
        "https://cups.example.com",
    ),
    "a path on a host that it names": (
        {"ingress": {"host": "a.example.com", "path": "/cups/"}},
        SHARED,
        "http://a.example.com/cups",
    ),
    "the shared host": ({"ingress": {}}, SHARED, "http://models.example.com/vision/cups"),
    "a path of its own on the shared host": ({"ingress": {"path": "/c"}}, SHARED, "http://models.example.com/c"),
    "an Ingress without a host to be had": ({"ingress": {}}, "", INSIDE),
    "a Gateway's host": ({"gateway": {"name": "public", "host": "g.example.com"}}, SHARED, "http://g.example.com"),
    "a Gateway whose listener knows the host": ({"gateway": {"name": "public"}}, SHARED, INSIDE),
}


@pytest.mark.parametrize(("access", "shared_host", "url"), CASES.values(), ids=CASES)
def test_the_base(
    access: dict[str, Any], shared_host: str, url: str, build_model: Callable[..., PublishedModel]
) -> None:
    config = Config(runtime_image="r", triton_image="t", shared_host=shared_host)
    assert base_url(build_model({"access": access}), config) == url


def test_an_address_that_an_older_resource_holds_is_not_told(build_model: Callable[..., PublishedModel]) -> None:
    model = build_model({"access": {"ingress": {"host": "cups.example.com"}}})
    assert base_url(model, Config(runtime_image="r", triton_image="t"), host_taken=True) == INSIDE


ENDPOINTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "those that fit any tensors": (
        {},
        {
            "tensorflow-serving": "http://h/v1/models/cups:predict",
            "nnc": "http://h/v1/dedicated/classifiers/cups/inference",
            "open-inference": "http://h/v2/models/cups/infer",
        },
    ),
    "the type is in nnc's alone": (
        {"execution": {"type": "Serverless"}, "apis": ["nnc", "open-inference"]},
        {
            "nnc": "http://h/v1/serverless/classifiers/cups/inference",
            "open-inference": "http://h/v2/models/cups/infer",
        },
    ),
    "a name of the model's own": (
        {"model": {"name": "half_plus_two"}, "io": {"task": "ImageClassification"}, "apis": ["nexus", "azureml"]},
        {"nexus": "http://h/half_plus_two/predict", "azureml": "http://h/api/v1/service/half_plus_two/score"},
    ),
    "tables": (
        {"io": {"task": "TabularRegression"}, "apis": ["prediction-one"]},
        {"prediction-one": "http://h/v1/external/models/cups/inference"},
    ),
}


@pytest.mark.parametrize(("spec", "expected"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_the_address_of_each_api(
    spec: dict[str, Any], expected: dict[str, str], build_model: Callable[..., PublishedModel]
) -> None:
    found = endpoints(build_model(spec), "http://h")
    assert [(each["api"], each["url"]) for each in found] == list(expected.items())
