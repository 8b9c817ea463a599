"""The HorizontalPodAutoscaler, and when there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.autoscaler import build_autoscaler, has_autoscaler
from modelport_operator.desired.base import Context
from modelport_operator.desired.scaled_object import has_scaled_object
from modelport_operator.resources import SCALED_OBJECT, Kind

KEDA = frozenset({SCALED_OBJECT})
BEHAVIOR = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 60},
            {"type": "Pods", "value": 2, "periodSeconds": 60},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
    },
}


def pods(name: str, value: str) -> dict[str, Any]:
    target = {"type": "AverageValue", "averageValue": value}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


def cpu(percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "triton", "target": target}}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "requests in flight": ({"metric": "Concurrency", "target": 4}, pods("modelport_concurrency", "4")),
    "requests a second": ({"metric": "RequestRate", "target": 12.5}, pods("modelport_requests_per_second", "12.5")),
    "latency in milliseconds": (
        {"metric": "Latency", "target": 250},
        pods("modelport_latency_p95_milliseconds", "250"),
    ),
    "time in the queue": ({"metric": "QueueTime", "target": 0.5}, pods("modelport_queue_time_milliseconds", "0.5")),
    "GPU in percent": ({"metric": "GPU", "target": 80}, pods("modelport_gpu_utilization_percent", "80")),
    "CPU of what Triton requests": ({"metric": "CPU", "target": 70}, cpu(70)),
    "CPU in whole percents": ({"metric": "CPU", "target": 69.6}, cpu(70)),
    "CPU of at least a percent": ({"metric": "CPU", "target": 0.1}, cpu(1)),
    "the smallest target is not zero": (
        {"metric": "QueueTime", "target": 1e-9},
        pods("modelport_queue_time_milliseconds", "0.001"),
    ),
    "the largest target is written out": (
        {"metric": "RequestRate", "target": 1e9},
        pods("modelport_requests_per_second", "1000000000"),
    ),
}


@pytest.mark.parametrize(("autoscaling", "metric"), CASES.values(), ids=CASES)
def test_the_whole_autoscaler(
    autoscaling: dict[str, Any],
    metric: dict[str, Any],
    build_context: Callable[..., Context],
    child: Callable[..., dict[str, Any]],
) -> None:
    bounds = {"minInstances": 2, "maxInstances": 8}
    context = build_context({"execution": {"device": "GPU", "autoscaling": bounds | autoscaling}})
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cups"},
        "minReplicas": 2,
        "maxReplicas": 8,
        "metrics": [metric],
        "behavior": BEHAVIOR,
    }
    assert build_autoscaler(context) == child("autoscaling/v2", "HorizontalPodAutoscaler", "autoscaler", spec)


SCHEDULE = {"windows": [{"days": ["Mon"], "start": "08:00", "end": "18:00"}]}
ENGINES: dict[str, tuple[str, frozenset[Kind], dict[str, Any], str]] = {
    "HPA, without KEDA": ("HPA", frozenset(), {}, "autoscaler"),
    "HPA, beside KEDA": ("HPA", KEDA, {}, "autoscaler"),
    "KEDA, which is there": ("KEDA", KEDA, {}, "scaled object"),
    "KEDA, which is not there": ("KEDA", frozenset(), {}, "nothing"),
    "Auto, without KEDA": ("Auto", frozenset(), {}, "autoscaler"),
    "Auto, with KEDA": ("Auto", KEDA, {}, "scaled object"),
    "Auto, with KEDA and a schedule": ("Auto", KEDA, {"schedule": SCHEDULE}, "autoscaler"),
}


@pytest.mark.parametrize(("engine", "optional", "execution", "expected"), ENGINES.values(), ids=ENGINES)
def test_one_engine_scales(
    engine: str,
    optional: frozenset[Kind],
    execution: dict[str, Any],
    expected: str,
    build_context: Callable[..., Context],
) -> None:
    autoscaling = {"maxInstances": 3, "target": 4, "engine": engine}
    context = build_context({"execution": {"autoscaling": autoscaling, **execution}}, optional=optional)
    found = {"autoscaler": has_autoscaler(context), "scaled object": has_scaled_object(context)}
    assert found == {name: name == expected for name in found}


def test_nothing_scales_what_does_not_ask_for_it(build_context: Callable[..., Context]) -> None:
    context = build_context(optional=KEDA)
    assert not has_autoscaler(context)
    assert not has_scaled_object(context)
