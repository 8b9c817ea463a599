"""The ServiceMonitor: tells the Prometheus Operator to scrape each instance, where that operator is installed.

The series get the labels `namespace`, `service` and `pod`, by which `scaling.py` asks for them again.
"""

from __future__ import annotations

from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import COMPONENT, deployment_name, selector
from modelport_operator.resources import SERVICE_MONITOR, Manifest

INTERVAL = "15s"
"""Between scrapes: the rates of the last minute, by which autoscalers decide, need some samples in it."""


def has_service_monitor(context: Context) -> bool:
    """For every resource, where the kind exists."""
    return SERVICE_MONITOR in context.optional


def build_service_monitor(context: Context) -> Manifest:
    """Return the monitor."""
    return build_object(
        SERVICE_MONITOR,
        build_metadata(context, deployment_name(context.name), "gateway"),
        spec={
            "selector": {"matchLabels": {**selector(context.name), COMPONENT: "gateway"}},
            # The gateway says `namespace` itself, and means the same one; without this its label would be renamed.
            "endpoints": [{"port": "metrics", "path": "/metrics", "interval": INTERVAL, "honorLabels": True}],
        },
    )
