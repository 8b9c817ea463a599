"""KEDA's ScaledObject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.desired.scaled_object import build_scaled_object
from modelport_operator.desired.scaling import BEHAVIOR, MEASURES

OF = 'namespace="vision",service="cups"'
IDLE = f"or 0 * sum by (namespace) (modelport_model_ready{{{OF}}})"


def prometheus(metric_type: str, threshold: str, query: str) -> dict[str, Any]:
    metadata = {
        "serverAddress": "http://prometheus:9090",
        "query": query,
        "threshold": threshold,
        "ignoreNullValues": "false",
    }
    return {"type": "prometheus", "metricType": metric_type, "metadata": metadata}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "requests in flight are shared out": (
        {"metric": "Concurrency", "target": 4},
        prometheus(
            "AverageValue",
            "4",
            f"sum by (namespace) (avg_over_time(modelport_requests_in_flight{{{OF}}}[1m])) {IDLE}",
        ),
    ),
    "a latency is the same for all": (
        {"metric": "Latency", "target": 250.25},
        prometheus(
            "Value",
            "250.25",
            "1000 * histogram_quantile(0.95, sum by (namespace, le) "
            f'(rate(modelport_request_duration_seconds_bucket{{{OF},stage="total"}}[1m]))) >= 0 {IDLE}',
        ),
    ),
    "CPU is measured by Kubernetes": (
        {"metric": "CPU", "target": 70},
        {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70", "containerName": "triton"}},
    ),
}


@pytest.mark.parametrize(("autoscaling", "trigger"), CASES.values(), ids=CASES)
def test_the_whole_scaled_object(
    autoscaling: dict[str, Any],
    trigger: dict[str, Any],
    build_context: Callable[..., Context],
    child: Callable[..., dict[str, Any]],
) -> None:
    bounds = {"minInstances": 2, "maxInstances": 8}
    context = build_context(
        {"execution": {"autoscaling": bounds | autoscaling}}, prometheus_address="http://prometheus:9090"
    )
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cups"},
        "minReplicaCount": 2,
        "maxReplicaCount": 8,
        "pollingInterval": 15,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": BEHAVIOR}},
        "triggers": [trigger],
    }
    assert build_scaled_object(context) == child("keda.sh/v1alpha1", "ScaledObject", "autoscaler", spec)


def test_every_metric_makes_a_trigger(build_context: Callable[..., Context]) -> None:
    for metric in MEASURES:
        autoscaling = {"maxInstances": 2, "target": 1, "metric": metric}
        context = build_context({"execution": {"device": "GPU", "autoscaling": autoscaling}})
        (trigger,) = build_scaled_object(context)["spec"]["triggers"]
        assert trigger["metadata"]["query"] == MEASURES[metric].over_all("vision", "cups")
