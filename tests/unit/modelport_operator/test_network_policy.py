"""Who reaches a model's Pods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.desired.network_policy import build_network_policy, has_network_policy

CALLERS = {"ports": [{"port": 8080, "protocol": "TCP"}]}
METRICS = [{"port": 9090, "protocol": "TCP"}]
CASES = {
    "metrics are open where no monitoring namespace is set": ("", {"ports": METRICS}),
    "metrics are for the monitoring namespace, the operator's and the model's own": (
        "monitoring",
        {
            "ports": METRICS,
            "from": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "modelport"}}},
                {"podSelector": {}},
            ],
        },
    ),
    "the operator may live in the monitoring namespace": (
        "modelport",
        {
            "ports": METRICS,
            "from": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "modelport"}}},
                {"podSelector": {}},
            ],
        },
    ),
}


@pytest.mark.parametrize(("namespace", "scrapers"), CASES.values(), ids=CASES)
def test_the_whole_policy(
    namespace: str,
    scrapers: dict[str, Any],
    build_context: Callable[..., Context],
    child: Callable[..., dict[str, Any]],
) -> None:
    context = build_context(monitoring_namespace=namespace)
    chosen = {"app.kubernetes.io/name": "modelport-model", "app.kubernetes.io/instance": "cups"}
    spec = {"podSelector": {"matchLabels": chosen}, "policyTypes": ["Ingress"], "ingress": [CALLERS, scrapers]}
    assert has_network_policy(context)
    assert build_network_policy(context) == child("networking.k8s.io/v1", "NetworkPolicy", "gateway", spec)


def test_there_is_none_where_the_operator_was_told_so(build_context: Callable[..., Context]) -> None:
    assert not has_network_policy(build_context(network_policies=False))
