"""What a status is made of: all that was observed of one resource in one look. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from modelport_operator.cluster import Refused
from modelport_operator.desired.base import Context
from modelport_operator.keys import Keys
from modelport_operator.names import deployment_name
from modelport_operator.resources import DEPLOYMENT, POD, Kind, Manifest
from modelport_operator.status.diagnosis import Cause, diagnose

STUCK_SECONDS = 10.0
"""After which a Pod whose containers have not been made is asked for its Events."""


@dataclass(frozen=True)
class Facts:
    """One resource as it is now."""

    context: Context
    resource: Manifest
    children: Mapping[tuple[Kind, str], Manifest]
    keys: Keys
    refused: Sequence[Refused] = ()
    pod_events: Sequence[Manifest] = ()
    """About `stuck_pod`."""

    @cached_property
    def deployment(self) -> Manifest | None:
        """The Deployment, once there is one."""
        return self.children.get((DEPLOYMENT, deployment_name(self.context.name)))

    @cached_property
    def wanted(self) -> int:
        """Pods that the Deployment shall have."""
        return 0 if self.deployment is None else int(self.deployment["spec"].get("replicas", 1))

    @cached_property
    def ready(self) -> int:
        """Pods that answer."""
        return sum(pod_is_ready(pod) for pod in self.pods)

    @cached_property
    def pods(self) -> list[Manifest]:
        """The Pods that are not on their way out, the newest first."""
        pods = [each for (kind, _), each in self.children.items() if kind is POD]
        staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        staying.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
        # One that was evicted stays as a record of it; its successor counts in its place.
        return [pod for pod in staying if pod.get("status", {}).get("phase") != "Failed"] or staying

    @cached_property
    def cause(self) -> Cause | None:
        """Why the newest Pod that does not answer does not; None if all answer."""
        for pod in self.pods:
            if not pod_is_ready(pod):
                return diagnose(pod, self.pod_events if pod is self.stuck_pod else ())
        return self._deployment_cause

    @cached_property
    def stuck_pod(self) -> Manifest | None:
        """The newest Pod if its containers should have been made by now; its Events tell why they were not."""
        pod = next((each for each in self.pods if not pod_is_ready(each)), None)
        if pod is None or not pod.get("spec", {}).get("nodeName"):
            return None
        if any("waiting" not in each.get("state", {}) for each in pod["status"].get("initContainerStatuses", ())):
            return None
        created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        return pod if (self.context.now - created).total_seconds() > STUCK_SECONDS else None

    @cached_property
    def _deployment_cause(self) -> Cause | None:
        """Why there are no Pods at all: a quota, or a policy that refuses them."""
        status = {} if self.deployment is None else self.deployment.get("status", {})
        for condition in status.get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return Cause(condition.get("reason", "ReplicaFailure"), condition.get("message", ""))
        return None


def is_rolled_out(deployment: Manifest) -> bool:
    """Tell whether a Deployment has no step left to take."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration") == deployment["metadata"].get("generation")
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) >= wanted
    )


def pod_is_ready(pod: Manifest) -> bool:
    """Tell whether a Pod answers and is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
