"""A resource is parsed again when something of it has changed that its children are made of."""

from __future__ import annotations

from typing import Any, cast

import pytest

from modelport_operator.cluster import Cluster
from modelport_operator.config import Config
from modelport_operator.hosts import Claims
from modelport_operator.reconcile import Reconciler
from modelport_operator.resources import Manifest
from modelport_operator.store import Key

CONFIG = Config(runtime_image="i", triton_image="i")


def resource(uri: str = "s3://models/cups/", **metadata: Any) -> Manifest:
    return {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "cups", "namespace": "vision", "uid": "u1", "generation": 1} | metadata,
        "spec": {"model": {"format": "ONNX", "source": {"uri": uri}}},
    }


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        pytest.param(resource(), False, id="not when nothing has changed"),
        pytest.param(resource(resourceVersion="7") | {"status": {"state": "Serving"}}, False, id="not for its status"),
        pytest.param(resource(uri="s3://models/cups-2/", generation=2), True, id="for another spec"),
        pytest.param(resource(annotations={"modelport.io/refresh": "1"}), True, id="for an annotation"),
        pytest.param(resource(uid="u2"), True, id="for another resource of its name"),
    ],
)
def test_a_resource_is_parsed_when_it_has_changed(changed: Manifest, again: bool) -> None:
    reconciler = Reconciler(cast(Cluster, None), CONFIG, Claims(CONFIG))
    before, after = reconciler._parse(resource()), reconciler._parse(changed)
    assert (after is not before) == again
    assert after.spec.model.source.uri == changed["spec"]["model"]["source"]["uri"]


def test_one_that_is_gone_is_forgotten() -> None:
    reconciler = Reconciler(cast(Cluster, None), CONFIG, Claims(CONFIG))
    before = reconciler._parse(resource())
    reconciler.forget(Key("vision", "cups"))
    assert reconciler._parse(resource()) is not before
