"""What the Prometheus Operator is told to scrape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport_operator.desired.base import Context
from modelport_operator.desired.service import build_service
from modelport_operator.desired.service_monitor import build_service_monitor, has_service_monitor
from modelport_operator.resources import SERVICE_MONITOR


def test_the_whole_monitor(build_context: Callable[..., Context], child: Callable[..., dict[str, Any]]) -> None:
    chosen = {
        "app.kubernetes.io/name": "modelport-model",
        "app.kubernetes.io/instance": "cups",
        "app.kubernetes.io/component": "gateway",
    }
    endpoint = {"port": "metrics", "path": "/metrics", "interval": "15s", "honorLabels": True}
    spec = {"selector": {"matchLabels": chosen}, "endpoints": [endpoint]}
    context = build_context(optional=frozenset({SERVICE_MONITOR}))
    assert has_service_monitor(context)
    assert build_service_monitor(context) == child("monitoring.coreos.com/v1", "ServiceMonitor", "gateway", spec)


def test_it_chooses_the_models_service_and_a_port_of_it(build_context: Callable[..., Context]) -> None:
    monitor, service = (build(build_context()) for build in (build_service_monitor, build_service))
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]


def test_there_is_none_without_its_kind(build_context: Callable[..., Context]) -> None:
    assert not has_service_monitor(build_context())
