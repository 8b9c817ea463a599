"""How many Pods there shall be, and who may say so. Pure.

`spec.replicas` of the Deployment is written through `/scale` alone, by a field manager of its own, because a field
that was applied once and is then left out falls back to 1. Three may decide the number: the spec, the schedule, and an
autoscaler between its bounds. At 0 a HorizontalPodAutoscaler stands still, which is how a schedule pauses it.
"""

from __future__ import annotations

from modelport.api.execution import Execution
from modelport_operator.names import FIELD_MANAGER
from modelport_operator.resources import Manifest

DEFAULT = 1
"""That the API server gives to a Deployment that says nothing; nobody owns the field then, and nobody has to let go."""


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
    """Return the manifest with a number of Pods where it begins with another one than the API server's own.

    It stays there for as long as nobody else owns that field: the first apply after `/scale` lets go of it.
    """
    if live is None:
        replicas = None if wanted == DEFAULT else wanted
    elif _owners(live) == {FIELD_MANAGER}:
        replicas = live["spec"].get("replicas") if wanted is None else wanted
    else:
        replicas = None
    if replicas is None:
        return deployment
    return {**deployment, "spec": {**deployment["spec"], "replicas": replicas}}


def _owners(live: Manifest) -> set[str]:
    return {
        entry.get("manager", "")
        for entry in live["metadata"].get("managedFields", ())
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    }
