"""The NetworkPolicy: callers reach the gateway, scrapers its metrics, and nobody Triton, which knows no keys.

The kubelet's probes come from the Pod's own node and are let through by every network plugin. What the Pods themselves
ask for is left free: models, pictures and sinks lie anywhere.
"""

from __future__ import annotations

from modelport.api.names import GATEWAY_PORT, METRICS_PORT
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import deployment_name, selector
from modelport_operator.resources import NETWORK_POLICY, Manifest


def has_network_policy(context: Context) -> bool:
    """For every resource, unless the operator was told otherwise."""
    return context.config.network_policies


def build_network_policy(context: Context) -> Manifest:
    """Return the policy."""
    return build_object(
        NETWORK_POLICY,
        build_metadata(context, deployment_name(context.name), "gateway"),
        spec={
            "podSelector": {"matchLabels": dict(selector(context.name))},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"ports": [_port(GATEWAY_PORT)]},
                {"ports": [_port(METRICS_PORT)], **_scrapers(context.config.monitoring_namespace)},
            ],
        },
    )


def _port(number: int) -> Manifest:
    return {"port": number, "protocol": "TCP"}


def _scrapers(namespace: str) -> Manifest:
    """Return who may read metrics: everybody, or Pods of the monitoring namespace and of the model's own."""
    if not namespace:
        return {}
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {"from": [monitoring, {"podSelector": {}}]}
