"""Which fields of a resource take effect without new Pods, and how a Pod joins the two halves.

    PublishedModel ──► fixed half: rolls the Pods when it changes        ServedModel, made by the Pod's own fetch
                  └──► live half: read again while they run              LiveSettings, a mounted file

The halves are partial manifests; together they are the resource. What decides over the files of the model, over
Triton's configuration or over the meaning of tensors is fixed, because a Pod of the old version must never read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelport.api.model import PublishedModel
from modelport.api.parse import parse_manifest
from modelport.api.serving import Document

LIVE_FIELDS: Final[Sequence[str]] = (
    "access",
    "apis",
    "limits.bodyBytes",
    "limits.depth",
    "limits.pixels",
    "limits.queueLength",
    "limits.tensorElements",
    "evaluation.threshold",
    "execution.autoscaling",
    "execution.instances",
    "execution.rollout",
    "execution.schedule",
    "io.detection.iouThreshold",
    "io.detection.maskThreshold",
    "io.detection.scoreThreshold",
    "io.labels",
    "io.signatures",
    "model.config.joinRequests",
    "model.versions.labels",
    "model.versions.traffic",
    "retraining",
)
"""Paths below `spec`. What is named here is read while a Pod runs, or concerns no Pod at all."""

Spec = dict[str, Any]


class LiveSettings(Document):
    """The live half of one resource, as a file beside its ServedModel."""

    spec: Mapping[str, Any]
    """Partial `spec`, as in a manifest."""


def split(resource: PublishedModel) -> tuple[Spec, Spec]:
    """Return the fixed and the live half of a resource's `spec`.

    What has its default is left out, so that a field which a later release adds changes neither half.
    """
    fixed: Spec = resource.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    live: Spec = {}
    for path in LIVE_FIELDS:
        *parents, name = path.split(".")
        source = fixed
        for parent in parents:
            source = source.get(parent, {})
        if name in source:
            target = live
            for parent in parents:
                target = target.setdefault(parent, {})
            target[name] = source.pop(name)
    return _without_empty(fixed), live


def join(resource: PublishedModel, live: Mapping[str, Any]) -> PublishedModel:
    """Return a resource with a live half in place of its own.

    Raises:
        InvalidManifest: the halves do not fit together, which is so for a moment while a change is rolled out.
    """
    fixed, _ = split(resource)
    manifest = resource.to_manifest() | {"spec": _merge(fixed, live)}
    return parse_manifest(manifest, where=resource.metadata.name)


def _without_empty(spec: Spec) -> Spec:
    """Drop blocks of which nothing is left, so that a live field leaves no trace in the fixed half."""
    kept = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in spec.items()}
    return {name: value for name, value in kept.items() if value != {}}


def _merge(fixed: Mapping[str, Any], live: Mapping[str, Any]) -> Spec:
    merged = dict(fixed)
    for name, value in live.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
