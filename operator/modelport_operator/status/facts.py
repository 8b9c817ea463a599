"""What a status is made of: all that was observed of one resource in one look. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from modelport_operator.cluster import Refused
from modelport_operator.desired.base import Context
from modelport_operator.keys import Keys
from modelport_operator.names import deployment_name
from modelport_operator.readiness import Readiness, uid_of
from modelport_operator.resources import DEPLOYMENT, POD, Kind, Manifest
from modelport_operator.status.diagnosis import (
    Cause,
    diagnose,
    diagnose_settings,
    diagnose_sink,
    diagnose_versions,
)

STUCK_SECONDS = 10.0
"""After which a Pod is asked for more: for its Events if its containers have not been made, its gateway if it runs."""


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
    told: Mapping[str, Readiness] = field(default_factory=dict)
    """What the gateways of `asked_pods` said, by the Pod's uid; who did not answer is not in it."""

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
    def rolled_out(self) -> bool:
        """Whether the Deployment has no step left to take; its Pods tell of themselves before it counts them."""
        return self.deployment is not None and _is_updated(self.deployment) and self.ready >= self.wanted

    @cached_property
    def pods(self) -> list[Manifest]:
        """The Pods that are not on their way out, the newest first."""
        pods = [each for (kind, _), each in self.children.items() if kind is POD]
        staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        staying.sort(
            key=lambda pod: (str(pod["metadata"].get("creationTimestamp", "")), pod["metadata"]["name"]), reverse=True
        )
        # One that was evicted stays as a record of it; its successor counts in its place.
        return [pod for pod in staying if pod.get("status", {}).get("phase") != "Failed"] or staying

    @cached_property
    def cause(self) -> Cause | None:
        """Why the newest Pod that does not answer does not; None if all answer."""
        for pod in self.pods:
            if not pod_is_ready(pod):
                return diagnose(pod, self.pod_events if pod is self.stuck_pod else (), self.told.get(uid_of(pod)))
        return self._deployment_cause

    @cached_property
    def partial(self) -> Cause | None:
        """Which versions have failed in a Pod that answers by others."""
        return None if self.heard is None else diagnose_versions(self.heard)

    @cached_property
    def sink_cause(self) -> Cause | None:
        """Why flagged pictures are not stored."""
        return None if self.heard is None else diagnose_sink(self.heard)

    @cached_property
    def settings_cause(self) -> Cause | None:
        """What of the settings the gateway refuses; while Pods are replaced, those of now need not fit the old ones."""
        return diagnose_settings(self.heard) if self.heard is not None and self.rolled_out else None

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

    @property
    def asked_pods(self) -> list[Manifest]:
        """The Pods whose gateways may know more than Kubernetes."""
        return [pod for pod in (self.silent_pod, self.heard_pod) if pod is not None]

    @cached_property
    def silent_pod(self) -> Manifest | None:
        """The newest Pod that does not answer, if its gateway has run for a while."""
        pod = next((each for each in self.pods if not pod_is_ready(each)), None)
        since = None if pod is None else _gateway_since(pod)
        return pod if since is not None and (self.context.now - since).total_seconds() > STUCK_SECONDS else None

    @cached_property
    def heard_pod(self) -> Manifest | None:
        """The newest Pod that answers, if part of its work may have failed nevertheless: a version, or the sink."""
        spec = self.context.model.spec
        if spec.model.versions.policy == "Latest" and (spec.evaluation is None or spec.evaluation.sink is None):
            return None
        return next((each for each in self.pods if pod_is_ready(each)), None)

    @property
    def heard(self) -> Readiness | None:
        """What the gateway of `heard_pod` says; None where it is not to be asked, or does not answer."""
        return None if self.heard_pod is None else self.told.get(uid_of(self.heard_pod))

    @cached_property
    def _deployment_cause(self) -> Cause | None:
        """Why there are no Pods at all: a quota, or a policy that refuses them."""
        status = {} if self.deployment is None else self.deployment.get("status", {})
        for condition in status.get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return Cause(condition.get("reason", "ReplicaFailure"), condition.get("message", ""))
        return None


def is_rolled_out(deployment: Manifest) -> bool:
    """Tell whether a Deployment has no step left to take, in its own word."""
    status = deployment.get("status", {})
    return _is_updated(deployment) and status.get("availableReplicas", 0) >= deployment["spec"].get("replicas", 1)


def _is_updated(deployment: Manifest) -> bool:
    """Tell whether all of a Deployment's Pods are there, and of its newest template."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration") == deployment["metadata"].get("generation")
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
    )


def _gateway_since(pod: Manifest) -> datetime | None:
    """Return since when a Pod's gateway runs."""
    for each in pod.get("status", {}).get("containerStatuses", ()):
        since = each.get("state", {}).get("running", {}).get("startedAt")
        if each["name"] == "gateway" and since:
            return datetime.fromisoformat(since)
    return None


def pod_is_ready(pod: Manifest) -> bool:
    """Tell whether a Pod answers and is not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
