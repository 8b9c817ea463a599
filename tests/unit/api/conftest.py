from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from modelport.api import InvalidManifest, PublishedModel, parse_manifest

Manifest = dict[str, Any]


def merged(base: Manifest, change: Manifest) -> Manifest:
    """Return `base` with `change` laid over it, block by block."""
    result = deepcopy(base)
    for key, value in change.items():
        both_blocks = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both_blocks else value
    return result


@pytest.fixture
def manifest() -> Callable[[Manifest], Manifest]:
    """Give a function that lays a change over the smallest manifest there is."""
    smallest: Manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "cups"},
        "spec": {"model": {"format": "ONNX", "source": {"uri": "s3://models/cups/"}}},
    }
    return lambda change: merged(smallest, change)


@pytest.fixture
def resource(manifest: Callable[[Manifest], Manifest]) -> Callable[[Manifest], PublishedModel]:
    """Give a function that reads the smallest manifest with a change to its spec."""
    return lambda spec: parse_manifest(manifest({"spec": spec}), where="test")


@pytest.fixture
def problems(manifest: Callable[[Manifest], Manifest]) -> Callable[[Manifest], tuple[str, ...]]:
    """Give a function that tells what is wrong with the smallest manifest and a change."""

    def tell(change: Manifest) -> tuple[str, ...]:
        with pytest.raises(InvalidManifest) as caught:
            parse_manifest(manifest(change), where="test")
        return caught.value.problems

    return tell


@pytest.fixture
def tableware() -> str:
    """Give the manifest that has nearly every field."""
    return (Path(__file__).parent / "data" / "tableware.yaml").read_text(encoding="utf-8")
