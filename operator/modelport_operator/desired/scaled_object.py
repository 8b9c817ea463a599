"""KEDA's ScaledObject: how many instances, between the spec's bounds, by what Prometheus says of them.

KEDA makes a HorizontalPodAutoscaler of it, and leaves the number as it is when it is deleted. Its cooldown period is
left out: it counts on the way to zero alone, where a Dedicated model never goes.
"""

from __future__ import annotations

from modelport.api.execution import Autoscaling
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.desired.scaling import BEHAVIOR, MEASURES, as_number, engine_of
from modelport_operator.names import deployment_name
from modelport_operator.resources import DEPLOYMENT, SCALED_OBJECT, Manifest

POLLING_SECONDS = 15
"""Between two looks at the trigger, as often as it is scraped."""


def has_scaled_object(context: Context) -> bool:
    """For a resource with autoscaling that KEDA takes."""
    return engine_of(context) is SCALED_OBJECT


def build_scaled_object(context: Context) -> Manifest:
    """Return the ScaledObject."""
    autoscaling = context.model.spec.execution.autoscaling
    if autoscaling is None:
        raise ValueError("a resource without autoscaling has no ScaledObject")
    name = deployment_name(context.name)
    return build_object(
        SCALED_OBJECT,
        build_metadata(context, name, "autoscaler"),
        spec={
            "scaleTargetRef": {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.name, "name": name},
            "minReplicaCount": autoscaling.min_instances,
            "maxReplicaCount": autoscaling.max_instances,
            "pollingInterval": POLLING_SECONDS,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": BEHAVIOR}},
            "triggers": [_build_trigger(context, autoscaling)],
        },
    )


def _build_trigger(context: Context, autoscaling: Autoscaling) -> Manifest:
    if autoscaling.metric == "CPU":
        value = str(max(1, round(autoscaling.target)))
        return {"type": "cpu", "metricType": "Utilization", "metadata": {"value": value, "containerName": "triton"}}
    measure = MEASURES[autoscaling.metric]
    return {
        "type": "prometheus",
        "metricType": "AverageValue" if measure.total else "Value",
        "metadata": {
            "serverAddress": context.config.prometheus_address,
            "query": measure.over_all(context.namespace, deployment_name(context.name)),
            "threshold": as_number(autoscaling.target),
            # What is not scraped is an error that the ScaledObject tells, not an idle model.
            "ignoreNullValues": "false",
        },
    }
