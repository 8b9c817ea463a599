"""Which images a resource's Pods run: those it was first served with, until it is told to move. Pure.

An upgrade of the operator must roll nobody's Pods by itself. The images are kept in the status, and move with a change
of the spec or with a new value of the annotation `modelport.io/upgrade`.
"""

from __future__ import annotations

from typing import NamedTuple

from modelport_operator.config import Config
from modelport_operator.names import UPGRADE
from modelport_operator.resources import Manifest


class Images(NamedTuple):
    """The images of one resource's Pods."""

    runtime: str
    triton: str
    upgrade: str
    """Value of the annotation for which they were chosen."""


def choose_images(resource: Manifest, config: Config) -> Images:
    """Return the images of the status where they still hold, else the operator's own."""
    metadata, status = resource["metadata"], resource.get("status", {})
    upgrade = metadata.get("annotations", {}).get(UPGRADE, "")
    own = resource["spec"]["model"].get("config", {}).get("tritonImage")
    pinned = status.get("images", {})
    holds = (
        "runtime" in pinned
        and status.get("observedGeneration") == metadata.get("generation")
        and pinned.get("upgrade", "") == upgrade
    )
    if holds:
        return Images(pinned["runtime"], own or pinned["triton"], upgrade)
    return Images(config.runtime_image, own or config.triton_image, upgrade)
