"""The Deployment and its Pods: the default one whole, and what each option changes in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelport_operator.desired.base import Context
from modelport_operator.desired.deployment import build_deployment

DATA = Path(__file__).parent / "data"
POD = "spec.template.spec"
TRITON, GATEWAY, FETCH = f"{POD}.initContainers[triton]", f"{POD}.containers[gateway]", f"{POD}.initContainers[fetch]"
SETTINGS = f"{POD}.volumes[config].configMap.name"
"""Of the ConfigMap whose name tells of every change that needs new Pods; `test_config_maps.py` says which those are."""

REPLACE = {
    "spec.strategy.rollingUpdate.maxSurge": 0,
    "spec.strategy.rollingUpdate.maxUnavailable": 1,
}
GPU_TOLERATION = {
    f"{POD}.tolerations[0].key": "nvidia.com/gpu",
    f"{POD}.tolerations[0].operator": "Exists",
    f"{POD}.tolerations[0].effect": "NoSchedule",
}


def pod(**options: Any) -> dict[str, Any]:
    return {"execution": {"pod": options}}


def secret_volume(index: int, name: str) -> dict[str, Any]:
    mount = {"name": f"secret-{index}", "readOnly": True, "mountPath": f"/etc/modelport/secrets/{name}"}
    mounts = {
        f"{container}.volumeMounts[secret-{index}].{field}": value
        for container in (FETCH, GATEWAY)
        for field, value in mount.items()
    }
    volume = f"{POD}.volumes[secret-{index}]"
    return {f"{volume}.name": f"secret-{index}", f"{volume}.secret.secretName": name, **mounts}


def sink(secret: str) -> dict[str, Any]:
    return {"strategy": "Entropy", "threshold": 0.6, "sink": {"uri": "s3://flagged/", "secretRef": {"name": secret}}}


OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "a GPU": (
        {"execution": {"device": "GPU"}},
        {f"{TRITON}.resources.limits.nvidia.com/gpu": "1", **GPU_TOLERATION, **REPLACE},
    ),
    "GPUs of a product": (
        {"execution": {"device": "GPU", "gpu": {"count": 2, "product": "NVIDIA-L4"}}},
        {
            f"{TRITON}.resources.limits.nvidia.com/gpu": "2",
            f"{POD}.nodeSelector.nvidia.com/gpu.product": "NVIDIA-L4",
            **GPU_TOLERATION,
            **REPLACE,
        },
    ),
    "a MIG slice": (
        {"execution": {"device": "GPU", "gpu": {"resourceName": "nvidia.com/mig-1g.5gb"}}},
        {f"{TRITON}.resources.limits.nvidia.com/mig-1g.5gb": "1", **GPU_TOLERATION, **REPLACE},
    ),
    "a GPU that surges": (
        {"execution": {"device": "GPU", "rollout": {"strategy": "Surge"}}},
        {f"{TRITON}.resources.limits.nvidia.com/gpu": "1", **GPU_TOLERATION},
    ),
    "a CPU that is replaced": ({"execution": {"rollout": {"strategy": "Replace"}}}, REPLACE),
    "requests and limits beside a GPU": (
        {"execution": {"device": "GPU", "resources": {"requests": {"cpu": 2}, "limits": {"memory": "4Gi"}}}},
        {
            f"{TRITON}.resources.requests.cpu": "2",
            f"{TRITON}.resources.limits.memory": "4Gi",
            f"{TRITON}.resources.limits.nvidia.com/gpu": "1",
            **GPU_TOLERATION,
            **REPLACE,
        },
    ),
    "a node's labels beside a product": (
        {
            "execution": {
                "device": "GPU",
                "gpu": {"product": "NVIDIA-L4"},
                "pod": {"nodeSelector": {"example.com/zone": "a"}},
            }
        },
        {
            f"{TRITON}.resources.limits.nvidia.com/gpu": "1",
            f"{POD}.nodeSelector.nvidia.com/gpu.product": "NVIDIA-L4",
            f"{POD}.nodeSelector.example.com/zone": "a",
            **GPU_TOLERATION,
            **REPLACE,
        },
    ),
    "a taint": (
        pod(tolerations=[{"key": "batch", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}]),
        {
            f"{POD}.tolerations[0].key": "batch",
            f"{POD}.tolerations[0].operator": "Equal",
            f"{POD}.tolerations[0].value": "yes",
            f"{POD}.tolerations[0].effect": "NoExecute",
            f"{POD}.tolerations[0].tolerationSeconds": 60,
        },
    ),
    "an affinity": (
        pod(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "k"}]}}),
        {f"{POD}.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey": "k"},
    ),
    "a spread over zones, whose selector is filled in": (
        pod(topologySpreadConstraints=[{"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]),
        {
            f"{POD}.topologySpreadConstraints[0].topologyKey": "zone",
            f"{POD}.topologySpreadConstraints[0].maxSkew": 1,
            f"{POD}.topologySpreadConstraints[0].whenUnsatisfiable": "DoNotSchedule",
            f"{POD}.topologySpreadConstraints[0].labelSelector.matchLabels.app.kubernetes.io/name": "modelport-model",
            f"{POD}.topologySpreadConstraints[0].labelSelector.matchLabels.app.kubernetes.io/instance": "cups",
        },
    ),
    "a spread with a selector of its own": (
        pod(topologySpreadConstraints=[{"topologyKey": "zone", "labelSelector": {"matchLabels": {"team": "vision"}}}]),
        {
            f"{POD}.topologySpreadConstraints[0].topologyKey": "zone",
            f"{POD}.topologySpreadConstraints[0].labelSelector.matchLabels.team": "vision",
        },
    ),
    "a priority": (pod(priorityClassName="high"), {f"{POD}.priorityClassName": "high"}),
    "a runtime": (pod(runtimeClassName="nvidia"), {f"{POD}.runtimeClassName": "nvidia"}),
    "a scheduler": (pod(schedulerName="volcano"), {f"{POD}.schedulerName": "volcano"}),
    "a service account": (pod(serviceAccountName="reader"), {f"{POD}.serviceAccountName": "reader"}),
    "a Secret for pulling images": (
        pod(imagePullSecrets=[{"name": "registry"}]),
        {f"{POD}.imagePullSecrets[registry].name": "registry"},
    ),
    "labels, which do not hide those that choose the Pods": (
        pod(labels={"team": "vision", "app.kubernetes.io/instance": "other"}),
        {"spec.template.metadata.labels.team": "vision"},
    ),
    "annotations": (
        pod(annotations={"example.com/a": "b"}),
        {"spec.template.metadata.annotations.example.com/a": "b"},
    ),
    "variables of Triton's": (
        pod(
            env=[
                {"name": "LEVEL", "value": "2"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
                {"name": "HOME", "value": "/models"},
            ]
        ),
        {
            f"{TRITON}.env[LEVEL].name": "LEVEL",
            f"{TRITON}.env[LEVEL].value": "2",
            f"{TRITON}.env[TOKEN].name": "TOKEN",
            f"{TRITON}.env[TOKEN].valueFrom.secretKeyRef.name": "hub",
            f"{TRITON}.env[TOKEN].valueFrom.secretKeyRef.key": "token",
            f"{TRITON}.env[HOME].value": "/models",
        },
    ),
    "shared memory": (pod(sharedMemory="1Gi"), {f"{POD}.volumes[shared-memory].emptyDir.sizeLimit": "1Gi"}),
    "a word for this version": (
        {"versionTag": "spring-2026"},
        {"spec.template.metadata.annotations.modelport.io/version-tag": "spring-2026"},
    ),
    "the longest request": (
        {"limits": {"timeoutSeconds": 300}},
        {f"{POD}.terminationGracePeriodSeconds": 320, f"{GATEWAY}.args[5]": "--drain-seconds=300"},
    ),
    "a Secret of the source": (
        {"model": {"source": {"secretRef": {"name": "models.s3"}}}},
        secret_volume(0, "models.s3"),
    ),
    "Secrets of source and sink": (
        {
            "model": {"source": {"secretRef": {"name": "models-s3"}}},
            "io": {"task": "ImageClassification"},
            "evaluation": sink("flagged-s3"),
        },
        secret_volume(0, "models-s3") | secret_volume(1, "flagged-s3"),
    ),
    "one Secret for both": (
        {
            "model": {"source": {"secretRef": {"name": "s3"}}},
            "io": {"task": "ImageClassification"},
            "evaluation": sink("s3"),
        },
        secret_volume(0, "s3"),
    ),
    "a name of the model's own": (
        {"model": {"name": "half_plus_two"}},
        {f"{TRITON}.args[2]": "--load-model=half_plus_two"},
    ),
    "what changes no Pod": (
        {
            "execution": {"instances": 4, "autoscaling": {"maxInstances": 8, "target": 4}},
            "access": {"ingress": {"host": "cups.example.com"}, "rateLimit": {"requestsPerSecond": 5}},
        },
        {},
    ),
}


def test_the_whole_deployment(build_context: Callable[..., Context]) -> None:
    deployment = build_deployment(build_context())
    assert deployment == yaml.safe_load((DATA / "deployment.yaml").read_text())


@pytest.mark.parametrize(("spec", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_changes_this_and_nothing_else(
    spec: dict[str, Any],
    expected: dict[str, Any],
    build_context: Callable[..., Context],
    changes: Callable[[Any, Any], dict[str, Any]],
) -> None:
    found = changes(build_deployment(build_context()), build_deployment(build_context(spec)))
    found.pop(SETTINGS, None)
    assert found == expected


def test_an_anonymous_model_mounts_no_keys(
    build_context: Callable[..., Context], changes: Callable[[Any, Any], dict[str, Any]]
) -> None:
    anonymous = build_context({"access": {"anonymous": True}}, key_digests=None)
    found = changes(build_deployment(build_context()), build_deployment(anonymous))
    gone = {
        f"{POD}.volumes[keys].name",
        f"{POD}.volumes[keys].secret.secretName",
        f"{POD}.volumes[keys].secret.items[0].key",
        f"{POD}.volumes[keys].secret.items[0].path",
        f"{GATEWAY}.volumeMounts[keys].name",
        f"{GATEWAY}.volumeMounts[keys].mountPath",
        f"{GATEWAY}.volumeMounts[keys].readOnly",
    }
    assert found == dict.fromkeys(gone)


def test_the_operators_own_settings_are_in_every_pod(
    build_context: Callable[..., Context], changes: Callable[[Any, Any], dict[str, Any]]
) -> None:
    told = build_context(
        pod(imagePullSecrets=[{"name": "registry"}, {"name": "mine"}]),
        runtime_image="example.com/modelport:2",
        triton_image="example.com/triton:2",
        image_pull_policy="Always",
        image_pull_secrets=("registry",),
    )
    found = changes(build_deployment(build_context()), build_deployment(told))
    found.pop(SETTINGS)
    images = {
        FETCH: "example.com/modelport:2",
        TRITON: "example.com/triton:2",
        GATEWAY: "example.com/modelport:2",
    }
    assert found == {
        **{f"{container}.image": image for container, image in images.items()},
        **{f"{container}.imagePullPolicy": "Always" for container in images},
        f"{POD}.imagePullSecrets[registry].name": "registry",
        f"{POD}.imagePullSecrets[mine].name": "mine",
    }


def test_what_is_wanted_and_what_stands_choose_the_same_pods(build_context: Callable[..., Context]) -> None:
    spec = build_deployment(build_context(pod(labels={"app.kubernetes.io/name": "mine"})))["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
