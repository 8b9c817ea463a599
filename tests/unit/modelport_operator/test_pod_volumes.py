"""A model on a volume of the cluster: the claim is mounted where the Pod's fetch looks for it, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport.api.volumes import volume_of
from modelport_operator.desired.base import Context
from modelport_operator.desired.pod import build_pod_template


def test_the_claim_of_the_source_is_mounted_into_fetch_alone(
    build_context: Callable[..., Context], changes: Callable[[Any, Any], dict[str, Any]]
) -> None:
    bucket = build_pod_template(build_context())
    volume = build_pod_template(build_context({"model": {"source": {"uri": "pvc://models/cups"}}}))
    new = {path: value for path, value in changes(bucket, volume).items() if "config" not in path}
    assert new == {
        "spec.initContainers[fetch].volumeMounts[source].name": "source",
        "spec.initContainers[fetch].volumeMounts[source].mountPath": "/etc/modelport/volumes/models",
        "spec.initContainers[fetch].volumeMounts[source].readOnly": True,
        "spec.volumes[source].name": "source",
        "spec.volumes[source].persistentVolumeClaim.claimName": "models",
        "spec.volumes[source].persistentVolumeClaim.readOnly": True,
    }


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("pvc://models/a/b", ("models", "a/b"), id="a path"),
        pytest.param("pvc:models/a", ("models", "a"), id="without slashes"),
        pytest.param("pvc://models", ("models", ""), id="the whole volume"),
        pytest.param("pvc://models/a%20b", ("models", "a b"), id="percent-encoded"),
        pytest.param("s3://models/a", None, id="another scheme"),
    ],
)
def test_a_uri_names_a_claim_and_a_path(uri: str, expected: tuple[str, str] | None) -> None:
    assert volume_of(uri) == expected
