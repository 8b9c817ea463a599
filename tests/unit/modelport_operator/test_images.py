"""Which images a resource's Pods run, through upgrades of the operator."""

from __future__ import annotations

from typing import Any

import pytest

from modelport_operator.config import Config
from modelport_operator.images import Images, choose_images

CONFIG = Config(runtime_image="modelport:2", triton_image="triton:2")
PINNED = {"runtime": "modelport:1", "triton": "triton:1", "config": "now"}


@pytest.mark.parametrize(
    ("pinned", "annotation", "own", "chosen"),
    [
        pytest.param({}, None, None, ("modelport:2", "triton:2"), id="a new resource takes the operator's"),
        pytest.param(PINNED, None, None, ("modelport:1", "triton:1"), id="one that runs keeps its own"),
        pytest.param(
            PINNED | {"config": "before"}, None, None, ("modelport:2", "triton:2"), id="new Pods take the new"
        ),
        pytest.param(PINNED, "please", None, ("modelport:2", "triton:2"), id="the annotation moves it"),
        pytest.param(
            PINNED | {"upgrade": "please"}, "please", None, ("modelport:1", "triton:1"), id="and moves it once"
        ),
        pytest.param(PINNED | {"upgrade": "x" * 256}, "x" * 300, None, ("modelport:1", "triton:1"), id="however long"),
        pytest.param(PINNED, None, "own:1", ("modelport:1", "own:1"), id="the spec's own Triton comes first"),
    ],
)
def test_the_images(pinned: dict[str, str], annotation: str | None, own: str | None, chosen: tuple[str, str]) -> None:
    resource: dict[str, Any] = {
        "metadata": {"annotations": {"modelport.io/upgrade": annotation}} if annotation else {},
        "spec": {"model": {"config": {"tritonImage": own}} if own else {}},
        "status": {"images": pinned},
    }
    assert choose_images(resource, "now", CONFIG) == Images(*chosen, (annotation or "")[:256])
