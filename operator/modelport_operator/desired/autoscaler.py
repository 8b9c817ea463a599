"""The HorizontalPodAutoscaler: how many instances, between the spec's bounds, by what they are doing.

The metrics of the gateway come through a Prometheus adapter, which offers them as Pods metrics by the names of
`scaling.py`. At 0 instances it stands still, which is how a schedule pauses it.
"""

from __future__ import annotations

from modelport.api.execution import Autoscaling
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.desired.scaling import BEHAVIOR, MEASURES, as_number, engine_of
from modelport_operator.names import deployment_name
from modelport_operator.resources import AUTOSCALER, DEPLOYMENT, Manifest


def has_autoscaler(context: Context) -> bool:
    """For a resource with autoscaling that KEDA does not take."""
    return engine_of(context) is AUTOSCALER


def build_autoscaler(context: Context) -> Manifest:
    """Return the autoscaler."""
    autoscaling = context.model.spec.execution.autoscaling
    if autoscaling is None:
        raise ValueError("a resource without autoscaling has no autoscaler")
    name = deployment_name(context.name)
    return build_object(
        AUTOSCALER,
        build_metadata(context, name, "autoscaler"),
        spec={
            "scaleTargetRef": {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.name, "name": name},
            "minReplicas": autoscaling.min_instances,
            "maxReplicas": autoscaling.max_instances,
            "metrics": [_build_metric(autoscaling)],
            "behavior": BEHAVIOR,
        },
    )


def _build_metric(autoscaling: Autoscaling) -> Manifest:
    if autoscaling.metric == "CPU":
        # Of what Triton's container requests: the gateway's own request says nothing of the model.
        target: Manifest = {"type": "Utilization", "averageUtilization": max(1, round(autoscaling.target))}
        resource = {"name": "cpu", "container": "triton", "target": target}
        return {"type": "ContainerResource", "containerResource": resource}
    target = {"type": "AverageValue", "averageValue": as_number(autoscaling.target)}
    return {"type": "Pods", "pods": {"metric": {"name": MEASURES[autoscaling.metric].name}, "target": target}}
