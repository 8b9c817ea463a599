"""A default resource, what its builders are given, and a way to tell what an option changes in a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelport.api import KeyDigest, KeyDigests, PublishedModel, parse_manifest
from modelport_operator.config import Config
from modelport_operator.desired.base import Context

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONFIG = Config(runtime_image="example.com/modelport:1", triton_image="example.com/triton:1")
DIGESTS = KeyDigests(keys=(KeyDigest(name="default", sha256="ab" * 32),))


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in change.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf by its path; entries of a list go by their name where they have one."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from flattened(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for index, each in enumerate(value):
            name = each.get("name", index) if isinstance(each, dict) else index
            yield from flattened(each, f"{path}[{name}]")
    else:
        yield path, value


@pytest.fixture(scope="session")
def build_model() -> Callable[..., PublishedModel]:
    """Make a PublishedModel: the default one with parts of its `spec` and `metadata` changed."""

    def build(spec: Mapping[str, Any] | None = None, **metadata: Any) -> PublishedModel:
        default = {"model": {"format": "ONNX", "source": {"uri": "s3://models/cups/"}}}
        manifest = {
            "apiVersion": "modelport.io/v1alpha1",
            "kind": "PublishedModel",
            "metadata": {"name": "cups", "namespace": "vision", "uid": "f00d", **metadata},
            "spec": merged(default, spec or {}),
        }
        return parse_manifest(manifest, where="cups")

    return build


@pytest.fixture(scope="session")
def build_context(build_model: Callable[..., PublishedModel]) -> Callable[..., Context]:
    """Make what builders are given. Fields of the operator's Config and of the Context go by their names."""

    def build(
        spec: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None, **parts: Any
    ) -> Context:
        of_config = {name: parts.pop(name) for name in list(parts) if name in Config.__dataclass_fields__}
        config = replace(CONFIG, **of_config)
        defaults = {"runtime_image": config.runtime_image, "triton_image": config.triton_image, "key_digests": DIGESTS}
        return Context(model=build_model(spec, **(metadata or {})), config=config, now=NOW, **(defaults | parts))

    return build


@pytest.fixture(scope="session")
def changes() -> Callable[[Any, Any], dict[str, Any]]:
    """Return each leaf of a manifest that another one has not, or otherwise; None for one that has gone.

    An object that was empty and is so no more has not gone.
    """

    def compare(before: Any, after: Any) -> dict[str, Any]:
        old, new = dict(flattened(before)), dict(flattened(after))
        left = old.keys() - new.keys()
        gone = {path: None for path in left if not any(each.startswith(f"{path}.") for each in new)}
        return gone | {path: value for path, value in new.items() if path not in old or old[path] != value}

    return compare


@pytest.fixture(scope="session")
def child() -> Callable[..., dict[str, Any]]:
    """Return a whole child of the default resource, around what is its own."""

    def build(api_version: str, kind: str, component: str, spec: Any, annotations: Any = None) -> dict[str, Any]:
        owner = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "name": "cups", "uid": "f00d"}
        metadata = {
            "name": "cups",
            "namespace": "vision",
            "labels": {
                "app.kubernetes.io/name": "modelport-model",
                "app.kubernetes.io/instance": "cups",
                "app.kubernetes.io/component": component,
                "app.kubernetes.io/managed-by": "modelport",
            },
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        }
        if annotations:
            metadata["annotations"] = annotations
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}

    return build
