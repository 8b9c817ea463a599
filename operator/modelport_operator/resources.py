"""The kinds that the operator reads and writes: where each lives in the API, and what may be done with it.

The one table behind the paths that `cluster.py` asks for, the watches that `handlers.py` opens and the roles that
`rbac.py` writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelport.api import names

Manifest = dict[str, Any]
"""A Kubernetes object as plain JSON values, as it would stand in a YAML file."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object."""

    group: str
    """Empty for the core group."""
    version: str
    name: str
    """Such as Deployment."""
    plural: str
    optional: bool = False
    """Its definition comes with another project, and may be absent from the cluster."""

    @property
    def api_version(self) -> str:
        """As in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the path of one object, or of all in a namespace, or of all there are."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/".join(parts)


PUBLISHED_MODEL = Kind(names.GROUP, names.VERSION, names.KIND, names.PLURAL)
POD = Kind("", "v1", "Pod", "pods")
SECRET = Kind("", "v1", "Secret", "secrets")
EVENT = Kind("", "v1", "Event", "events")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
SERVICE = Kind("", "v1", "Service", "services")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
CRON_JOB = Kind("batch", "v1", "CronJob", "cronjobs")
DISRUPTION_BUDGET = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
AUTOSCALER = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
HTTP_ROUTE = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", optional=True)
SCALED_OBJECT = Kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", optional=True)
SERVICE_MONITOR = Kind("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", optional=True)

CHILDREN: tuple[Kind, ...] = (
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    CONFIG_MAP,
    SERVICE,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    DEPLOYMENT,
    AUTOSCALER,
    SCALED_OBJECT,
    CRON_JOB,
    INGRESS,
    HTTP_ROUTE,
    SERVICE_MONITOR,
)
"""What builders make and a watch follows, in the order in which it is applied: what is referred to comes first.

Secrets are made by builders too, and not watched: the operator has no right to list them.
"""

WATCHED: tuple[Kind, ...] = (*CHILDREN, POD)
"""Followed by the label `names.OURS`; a change wakes the owner's reconciliation."""

KINDS: Mapping[tuple[str, str], Kind] = {
    (kind.api_version, kind.name): kind for kind in (PUBLISHED_MODEL, SECRET, EVENT, LEASE, *WATCHED)
}
"""Every kind, by `apiVersion` and `kind`."""


def kind_of(manifest: Manifest) -> Kind:
    """Return the kind of an object; KeyError for one that is not in the table."""
    return KINDS[manifest["apiVersion"], manifest["kind"]]
