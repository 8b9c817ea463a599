"""Which model a Host and a path speak of."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.api import PublishedModel, parse_manifest
from modelport.gateway.addresses import Addresses, Place


def published(name: str, **access: Any) -> PublishedModel:
    spec = {"model": {"format": "ONNX", "source": {"uri": "s3://models/m/"}}, "access": access}
    metadata = {"name": name, "namespace": "vision"}
    kind = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel"}
    return parse_manifest(kind | {"metadata": metadata, "spec": spec}, where=name)


CUPS = published("cups", ingress={"host": "cups.example.com"})
BOWLS = published("bowls", ingress={"host": "models.example.com", "path": "/bowls/"})
SMALL_BOWLS = published("small-bowls", ingress={"host": "models.example.com", "path": "/bowls/small"})
PLATES = published("plates", ingress={})
FORKS = published("forks", gateway={"name": "public", "path": "/tools/forks"})
KNIVES = published("knives", gateway={"name": "public", "host": "knives.example.com"})
SPOONS = published("spoons")
ROOT = published("root", gateway={"name": "public", "path": "/"})

ADDRESSES = Addresses([CUPS, BOWLS, SMALL_BOWLS, PLATES, FORKS, KNIVES, SPOONS, ROOT])
"""ROOT asks for everything on a host that only its Gateway knows, so nothing is told apart by it."""

CASES = {
    "a host of its own": ("cups.example.com", "/v1/models/cups", Place("cups", "/v1/models/cups")),
    "a host is told in capitals and with a port": ("CUPS.example.com:8443", "/x", Place("cups", "/x")),
    "a path on a named host": ("models.example.com", "/bowls/v2", Place("bowls", "/v2")),
    "the longest path wins": ("models.example.com", "/bowls/small/v2", Place("small-bowls", "/v2")),
    "a path is whole segments": ("models.example.com", "/bowlsful/v2", Place(None, "/bowlsful/v2")),
    "the shared host, whatever its name": ("any.example.com", "/vision/plates/v2", Place("plates", "/v2")),
    "another one's host beside a shared path": ("models.example.com", "/vision/plates/v2", Place("plates", "/v2")),
    "a path of a Gateway's listener": ("any.example.com", "/tools/forks/v2", Place("forks", "/v2")),
    "a host of a Gateway's": ("knives.example.com", "/v2", Place("knives", "/v2")),
    "inside the cluster": ("plates.vision.svc", "/v1/models/plates", Place(None, "/v1/models/plates")),
}


@pytest.mark.parametrize(("host", "path", "place"), CASES.values(), ids=CASES)
def test_a_request_speaks_of(host: str, path: str, place: Place) -> None:
    assert ADDRESSES.place(host, path) == place


def test_without_published_addresses_every_path_is_as_it_came() -> None:
    assert Addresses([SPOONS]).place("cups.example.com", "/v2") == Place(None, "/v2")
