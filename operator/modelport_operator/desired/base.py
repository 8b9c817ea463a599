"""What every builder is given, and the parts that all manifests share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelport.api import KeyDigests, PublishedModel
from modelport_operator.config import Config
from modelport_operator.names import labels
from modelport_operator.resources import PUBLISHED_MODEL, Kind, Manifest


@dataclass(frozen=True, slots=True)
class Context:
    """A resource and all that its manifests depend on. Nothing else reaches a builder: no clock, no cluster."""

    model: PublishedModel
    """As the API server has it, with its uid."""
    config: Config
    now: datetime
    """When the reconciliation began, in UTC; a builder may only ask whether something has passed."""
    runtime_image: str
    triton_image: str
    """The images that the resource's Pods run: pinned at first, moved by a change of the spec or by annotation."""
    upgrade: str = ""
    """Value of the annotation `modelport.io/upgrade` for which they were chosen."""
    optional: frozenset[Kind] = frozenset()
    """The optional kinds that the cluster has."""
    instances: int = 1
    """Pods that answer now, at least 1: rate limits are shared out among them."""
    host_taken: bool = False
    """An older resource holds the same host and path, so that this one is not routed."""
    key_digests: KeyDigests | None = None
    """What the gateways are told of the keys; None for an anonymous model."""
    pins: Mapping[str, Any] = field(default_factory=dict)
    """What the first fetch found and later ones must take: `version`, `digest` and all versions as `serving`, for the
    settings of `config`."""

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.model.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`."""
        return self.model.metadata.namespace


def build_metadata(context: Context, name: str, component: str, annotations: Mapping[str, str] = {}) -> dict[str, Any]:
    """Return a child's metadata: where it lies, its labels, and the resource that owns it."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": context.namespace,
        "labels": labels(context.name, component),
        "ownerReferences": [owner_reference(context.model)],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata


def build_object(kind: Kind, metadata: Mapping[str, Any], **parts: Any) -> Manifest:
    """Return a manifest of a kind."""
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": dict(metadata), **parts}


def owner_reference(model: PublishedModel) -> dict[str, Any]:
    """Return the reference by which the cluster deletes a child with its resource."""
    return {
        "apiVersion": PUBLISHED_MODEL.api_version,
        "kind": PUBLISHED_MODEL.name,
        "name": model.metadata.name,
        "uid": model.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
