"""Which images a resource's Pods run: those it was first served with, until it is told to move. Pure.

An upgrade of the operator must roll nobody's Pods by itself. The images are kept in the status, and move with a change
of the spec that rolls the Pods anyway, or with a new value of the annotation `modelport.io/upgrade`.
"""

from __future__ import annotations

from typing import NamedTuple

from modelport_operator.config import Config
from modelport_operator.names import UPGRADE
from modelport_operator.resources import Manifest

LONGEST_MARK = 256
"""Characters of the annotation's value that count: the status keeps no more."""


class Images(NamedTuple):
    """The images of one resource's Pods."""

    runtime: str
    triton: str
    upgrade: str
    """Value of the annotation for which they were chosen."""


def choose_images(resource: Manifest, digest: str, config: Config) -> Images:
    """Return the images of the status where they still hold, else the operator's own.

    `digest` is that of the settings which roll the Pods.
    """
    upgrade = resource["metadata"].get("annotations", {}).get(UPGRADE, "")[:LONGEST_MARK]
    own = resource["spec"]["model"].get("config", {}).get("tritonImage")
    pinned = resource.get("status", {}).get("images", {})
    if pinned.get("config") == digest and pinned.get("upgrade", "") == upgrade:
        return Images(pinned["runtime"], own or pinned["triton"], upgrade)
    return Images(config.runtime_image, own or config.triton_image, upgrade)
