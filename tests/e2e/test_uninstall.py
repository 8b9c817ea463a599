"""Uninstalling the chart leaves the models, as `crds.keep` has it; the next installation takes them over."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.request import Request, urlopen

from real_cluster.kubectl import Kube, Object


def test_models_serve_on_without_the_release(
    kube: Kube, system: Kube, helm: Callable[..., str], example: Callable[..., Object]
) -> None:
    kube.apply(example("half-plus-two", "kept"))
    kube.wait_settled("kept")
    (pod,) = kube.pods("kept")
    key = kube.key("kept")

    helm("uninstall", "--wait")
    left = system(
        "get", "deployments,services,roles,secrets", "-l", "app.kubernetes.io/instance=modelport", "-o", "name"
    )
    assert left == ""
    assert "publishedmodels.modelport.io" in system("get", "crd", "-o", "name")
    with kube.forwarded("service/kept", 80) as base:
        url = f"{base}/v1/models/half_plus_two:predict"
        request = Request(url, b'{"instances": [1.0]}', {"x-api-key": key, "content-type": "application/json"})
        with urlopen(request, timeout=20) as answer:
            assert json.load(answer) == {"predictions": [2.5]}

    helm("install")
    kube.wait_settled("kept")
    (same,) = kube.pods("kept")
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert kube.key("kept") == key
    kube("delete", "pm/kept")
