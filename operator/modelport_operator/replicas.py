"""How many Pods there shall be, and who may say so. Pure.

`spec.replicas` of the Deployment is written through `/scale` alone, by a field manager of its own, because a field
that was applied once and is then left out falls back to 1. Three may decide the number: the spec, the schedule, and an
autoscaler between its bounds. At 0 a HorizontalPodAutoscaler stands still, which is how a schedule pauses it.
"""

from __future__ import annotations

from modelport.api.execution import Execution
from modelport_operator.names import FIELD_MANAGER
from modelport_operator.resources import Manifest


def decide_replicas(execution: Execution, running: bool, current: int | None) -> int | None:
    """Return the number to set; None where the present one is right or is the autoscaler's to choose.

    Args:
        execution: `spec.execution`.
        running: what the schedule says of now; True without one.
        current: the number that the Deployment has; None before there is one.
    """
    if not running:
        wanted = 0
    elif execution.autoscaling is None:
        wanted = execution.instances
    elif current:
        return None
    else:
        wanted = execution.autoscaling.min_instances
    return None if wanted == current else wanted


def with_replicas(deployment: Manifest, live: Manifest | None, wanted: int | None) -> Manifest:
    """Return the manifest with a number of Pods for as long as nobody else owns that field.

    So a new Deployment begins with the right number, and the first apply after `/scale` lets go of it.
    """
    if live is not None and _is_owned_elsewhere(live):
        return deployment
    current = None if live is None else live["spec"].get("replicas")
    replicas = current if wanted is None else wanted
    if replicas is None:
        return deployment
    return {**deployment, "spec": {**deployment["spec"], "replicas": replicas}}


def _is_owned_elsewhere(live: Manifest) -> bool:
    return any(
        "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in live["metadata"].get("managedFields", ())
        if entry.get("manager") != FIELD_MANAGER
    )
