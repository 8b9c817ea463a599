"""The Service: one address for all instances, which stays when everything behind it changes."""

from __future__ import annotations

from modelport.api.names import GATEWAY_PORT, METRICS_PORT
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import deployment_name, selector
from modelport_operator.resources import SERVICE, Manifest

HTTP_PORT = 80
"""Of the models' APIs, as clients in the cluster call it."""


def build_service(context: Context) -> Manifest:
    """Return the Service: port 80 for the APIs, the metrics port for scrapes."""
    return build_object(
        SERVICE,
        build_metadata(context, deployment_name(context.name), "gateway"),
        spec={
            "selector": dict(selector(context.name)),
            "ports": [
                {"name": "http", "port": HTTP_PORT, "targetPort": GATEWAY_PORT, "protocol": "TCP"},
                {"name": "metrics", "port": METRICS_PORT, "targetPort": METRICS_PORT, "protocol": "TCP"},
            ],
        },
    )
