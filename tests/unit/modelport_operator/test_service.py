"""The Service and the disruption budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport_operator.desired.base import Context
from modelport_operator.desired.disruption_budget import build_disruption_budget
from modelport_operator.desired.service import build_service

CHOSEN = {"app.kubernetes.io/name": "modelport-model", "app.kubernetes.io/instance": "cups"}


def test_the_whole_service(build_context: Callable[..., Context], child: Callable[..., dict[str, Any]]) -> None:
    ports = [
        {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"},
        {"name": "metrics", "port": 9090, "targetPort": 9090, "protocol": "TCP"},
    ]
    spec = {"selector": CHOSEN, "ports": ports}
    assert build_service(build_context()) == child("v1", "Service", "gateway", spec)


def test_the_whole_budget(build_context: Callable[..., Context], child: Callable[..., dict[str, Any]]) -> None:
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": CHOSEN},
    }
    assert build_disruption_budget(build_context()) == child("policy/v1", "PodDisruptionBudget", "gateway", spec)
