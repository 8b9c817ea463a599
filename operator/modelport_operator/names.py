"""Names, labels and annotations of everything the operator makes. One function for each child.

Kubernetes' limits behind them: a Service's name is a DNS-1035 label of 63 characters, a CronJob's has 52, and a
resource's name has at most `modelport.api.names.MAX_NAME_LENGTH` (40), so that each child's fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIELD_MANAGER: Final = "modelport"
"""Owns what the builders write, by server-side apply."""
SCALE_MANAGER: Final = "modelport-scale"
"""Owns `spec.replicas` of Deployments, which no builder writes."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTANCE: Final = "app.kubernetes.io/instance"
NAME: Final = "app.kubernetes.io/name"
COMPONENT: Final = "app.kubernetes.io/component"
VERSION_TAG: Final = "modelport.io/version-tag"

OURS: Final = f"{MANAGED_BY}=modelport"
"""Selects every child, and nothing else, when children are watched and listed."""

APPLIED: Final = "modelport.io/applied"
"""Annotation of a child: digest of the manifest that was applied. What has it, and differs nowhere, is not written."""
REFRESH: Final = "modelport.io/refresh"
"""Annotation of a resource: a new value makes `policy: Latest` look again for the newest version."""
UPGRADE: Final = "modelport.io/upgrade"
"""Annotation of a resource: a new value moves it to the images of the installed operator."""
LIVE: Final = "modelport.io/live"
"""Annotation of a Pod: a new value makes the kubelet look at mounted ConfigMaps and Secrets at once."""


def selector(name: str) -> Mapping[str, str]:
    """Return the labels that choose a resource's Pods; they never change."""
    return {NAME: "modelport-model", INSTANCE: name}


def labels(name: str, component: str) -> dict[str, str]:
    """Return the labels of a child."""
    return {**selector(name), COMPONENT: component, MANAGED_BY: "modelport"}


def deployment_name(name: str) -> str:
    """Return the Deployment's name; Service, PodDisruptionBudget, autoscaler and routes have it too."""
    return name


def config_name(name: str, digest: str) -> str:
    """Return the name of an immutable ConfigMap: what rolls the Pods when it changes."""
    return f"{name}-config-{digest[:10]}"


def is_config_name(name: str, resource: str) -> bool:
    """Tell whether a ConfigMap's name is one of `config_name`."""
    return name.startswith(f"{resource}-config-")


def live_name(name: str) -> str:
    """Return the name of the ConfigMap of what changes without new Pods."""
    return f"{name}-live"


def keys_name(name: str) -> str:
    """Return the name of the Secret with the keys themselves, for their owner to read."""
    return f"{name}-keys"


def key_digests_name(name: str) -> str:
    """Return the name of the Secret with the digests of the keys, for the Pods."""
    return f"{name}-key-digests"


def schedule_name(name: str) -> str:
    """Return the name of the schedule's ConfigMap, ServiceAccount, Role and RoleBinding."""
    return f"{name}-schedule"


def cron_job_name(name: str, kind: str, index: int) -> str:
    """Return the name of a schedule's CronJob; `kind` is start or stop."""
    return f"{name}-{kind}-{index}"
