"""The NetworkPolicy: callers reach the gateway, scrapers and the operator its metrics port, and nobody Triton.

Triton knows no keys. On the metrics port the operator asks why a model does not answer (`readiness.py`).

The kubelet's probes come from the Pod's own node and are let through by every network plugin. What the Pods themselves
ask for is left free: models, pictures and sinks lie anywhere.
"""

from __future__ import annotations

from modelport.api.names import GATEWAY_PORT, METRICS_PORT
from modelport_operator.config import Config
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
                {"ports": [_port(METRICS_PORT)], **_scrapers(context.config)},
            ],
        },
    )


def _port(number: int) -> Manifest:
    return {"port": number, "protocol": "TCP"}


def _scrapers(config: Config) -> Manifest:
    """Return who may read metrics: everybody, or Pods of the monitoring, the operator's and the model's namespace."""
    if not config.monitoring_namespace:
        return {}
    namespaces = dict.fromkeys((config.monitoring_namespace, config.own_namespace))
    chosen = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": each}}} for each in namespaces]
    return {"from": [*chosen, {"podSelector": {}}]}
