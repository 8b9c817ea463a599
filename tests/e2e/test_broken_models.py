"""What is broken says so in the words of docs/reference/conditions.md, within 30 seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from real_cluster.kubectl import Kube, Object, eventually
from real_cluster.report import Report

LIMIT_SECONDS = 30


@dataclass(frozen=True)
class Broken:
    """A resource that cannot serve, and what must be said of it."""

    reasons: tuple[str, ...]
    message: str
    source: dict[str, Any] = field(default_factory=dict)
    """Laid over `spec.model.source`."""
    model: dict[str, Any] = field(default_factory=dict)
    """Laid over `spec.model`."""
    spec: dict[str, Any] = field(default_factory=dict)
    """Laid over `spec`."""


CASES = {
    "uri": Broken(("DownloadFailed",), "answered 404", {"uri": "http://model-store.models.svc/none.tar"}),
    "host": Broken(("DownloadFailed",), "nowhere.example.invalid", {"uri": "https://nowhere.example.invalid/a.tar"}),
    "digest": Broken(("DownloadFailed",), "was expected", {"digest": "sha256:" + "0" * 64}),
    "secret": Broken(("FailedMount",), 'secret "absent" not found', {"secretRef": {"name": "absent"}}),
    "corrupt": Broken(("DownloadFailed",), "model.onnx", {"uri": "http://model-store.models.svc/corrupt.tar"}),
    "gpu": Broken(("WaitingForGPU",), "nvidia.com/gpu", spec={"execution": {"device": "GPU", "gpu": {"count": 8}}}),
    "image": Broken(
        ("ErrImagePull", "ImagePullBackOff"),
        "localhost/absent:1",
        model={"config": {"tritonImage": "localhost/absent:1"}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_what_is_broken(case: str, kube: Kube, example: Callable[..., Object], report: Report) -> None:
    broken, name = CASES[case], f"broken-{case}"
    manifest = example("half-plus-two", name, **broken.spec)
    manifest["spec"]["model"] |= broken.model
    manifest["spec"]["model"]["source"] |= broken.source
    kube.apply(manifest)
    try:
        took = eventually(
            lambda: kube.condition(name, "Ready").get("reason") in broken.reasons,
            LIMIT_SECONDS,
            lambda: str(kube.condition(name, "Ready")),
        )
        ready = kube.condition(name, "Ready")
        assert ready["status"] == "False"
        assert broken.message in ready["message"]
    finally:
        kube("delete", f"pm/{name}", "--wait=false")
    table = report.table("Broken models", "what is wrong", "reason", "message", "after")
    table.rows.append((case, ready["reason"], ready["message"].replace("|", "\\|"), f"{took:.1f} s"))
