"""What is as it should be is not written: counted by the API server's own log."""

from __future__ import annotations

from typing import Any

import pytest
from control_plane.cluster import Cluster
from models import Models, Spec, quiet_since
from running_operator import RunningOperator, operator_config, run_operator

from modelport_operator.store import Key

IMAGE = {"name": "image", "kind": "Image", "image": {"width": 8, "height": 8, "mean": [0.5], "std": [0.25]}}
POD: Spec = {
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "value": "c", "effect": "NoExecute"}],
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}
            ]
        }
    },
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "priorityClassName": "system-node-critical",
    "schedulerName": "default-scheduler",
    "serviceAccountName": "default",
    "imagePullSecrets": [{"name": "registry"}],
    "labels": {"team": "vision"},
    "annotations": {"note": "yes"},
    "env": [{"name": "A", "value": "b"}, {"name": "EMPTY", "value": ""}],
    "sharedMemory": "1024Mi",
}
LOADED: dict[str, Spec] = {
    "smallest": {},
    "gpus": {
        "apis": ["nnc", "nexus"],
        "model": {
            "source": {"uri": "s3://models/cups/", "secretRef": {"name": "models-s3"}},
            "versions": {"policy": "Specific", "specific": [3, 4], "labels": {"stable": 3}},
            "config": {"maxBatchSize": 2, "dynamicBatching": {"maxQueueDelayMicroseconds": 5}, "instancesPerGpu": 2},
        },
        "io": {"task": "ImageClassification", "inputs": [IMAGE], "labels": ["cup", "bowl"]},
        "execution": {
            "device": "GPU",
            "gpu": {"count": 1, "product": "NVIDIA-A100-SXM4-80GB"},
            "instances": 2,
            "resources": {"requests": {"cpu": "1000m", "memory": "2048Mi"}, "limits": {"cpu": 2, "memory": "4Gi"}},
            "schedule": {
                "timeZone": "Europe/Berlin",
                "windows": [{"start": "00:00", "end": "24:00"}],
                "exceptions": [{"date": "2040-01-01", "closed": True}],
                "override": {"until": "2040-02-01T00:00:00Z", "state": "Running"},
            },
            "rollout": {"strategy": "Surge"},
            "pod": POD,
        },
        "access": {
            "keys": [{"name": "default"}, {"name": "partner", "expires": "2040-01-01T00:00:00Z"}],
            "rateLimit": {"requestsPerSecond": 7, "burst": 9},
            "ingress": {"host": "cups.example.com", "className": "nginx", "tls": {"secretName": "tls"}},
            "imageUrls": {"allow": ["images.example.com"]},
            "cors": {"allowOrigins": ["https://example.com"]},
        },
        "limits": {"bodyBytes": 1024},
        "evaluation": {"sink": {"uri": "s3://sink/", "secretRef": {"name": "models-s3"}}, "uploadGroups": ["night"]},
        "versionTag": "spring-2026",
    },
    "scaled": {
        "execution": {
            "resources": {"requests": {"cpu": "0.5"}},
            "autoscaling": {"minInstances": 2, "maxInstances": 3, "metric": "CPU", "target": 50},
        },
        "access": {"anonymous": True, "ingress": {}},
    },
    "serverless": {"execution": {"type": "Serverless", "serverless": {"idleSeconds": 60}}},
    "stopped": {"execution": {"instances": 0}},
    "own": {"access": {"keys": [{"name": "mine", "secretRef": {"name": "own"}}]}},
}


@pytest.fixture
def writes(cluster: Cluster, namespace: str) -> Any:
    """Give a function that tells what the operator has written."""
    return lambda: cluster.writes("operator", namespace)


def publish_loaded(models: Models) -> None:
    """Create the resources, and wait until nobody has anything more to tell of them: the autoscaler comes last."""
    for name, spec in LOADED.items():
        models.publish(name, spec)
    for name in LOADED:
        models.settled(name)
    models.wait("scaled", Scaling="False FailedGetContainerResourceMetric")


def test_what_is_as_it_should_be_is_not_written(operator: RunningOperator, models: Models, writes: Any) -> None:
    publish_loaded(models)
    count = quiet_since(writes)
    for name in LOADED:
        operator.reconcile(Key(models.namespace, name))
    operator.resync()
    for name in LOADED:
        operator.wake(Key(models.namespace, name))
    quiet_since(writes)
    assert writes()[count:] == []


def test_an_hour_that_passes_writes_nothing(operator: RunningOperator, models: Models, writes: Any) -> None:
    publish_loaded(models)
    count = quiet_since(writes)
    for _ in range(12):
        for name in LOADED:
            operator.advance(Key(models.namespace, name), minutes=1)
        operator.resync()
    quiet_since(writes)
    assert writes()[count:] == []


def test_an_operator_that_starts_anew_writes_nothing(cluster: Cluster, models: Models, crd: str, writes: Any) -> None:
    with run_operator(cluster, operator_config(models.namespace)):
        publish_loaded(models)
        count = quiet_since(writes)
    with run_operator(cluster, operator_config(models.namespace)):
        quiet_since(writes)
    assert writes()[count:] == []


def test_a_live_change_writes_what_it_must(operator: RunningOperator, models: Models, writes: Any) -> None:
    models.publish()
    models.settled()
    count = quiet_since(writes)
    models.edit("cups", {"limits": {"bodyBytes": 1024}})
    models.settled()
    quiet_since(writes)
    (pod,) = [each["metadata"]["name"] for each in models.pods()]
    assert writes()[count:] == [
        "patch configmaps cups-live 200",
        f"patch pods {pod} 200",
        "patch publishedmodels/status cups 200",
    ]
