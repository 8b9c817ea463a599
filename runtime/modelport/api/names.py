"""Names that more than one process relies on: the API group, labels, annotations, ports, children."""

from __future__ import annotations

from typing import Final

GROUP: Final = "modelport.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "modelport.io/v1alpha1"
KIND: Final = "PublishedModel"
PLURAL: Final = "publishedmodels"
SINGULAR: Final = "publishedmodel"
SHORT_NAME: Final = "pm"
CATEGORY: Final = "modelport"

FIELD_MANAGER: Final = "modelport"

LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"

ANNOTATION_REFRESH: Final = "modelport.io/refresh"
"""A new value makes `policy: Latest` look again for the newest version."""
ANNOTATION_UPGRADE: Final = "modelport.io/upgrade"
"""A new value moves the resource to the runtime images of the installed operator."""

GATEWAY_PORT: Final = 8080
METRICS_PORT: Final = 9090
TRITON_GRPC_PORT: Final = 8001

KEY_DEFAULT: Final = "default"
"""The key that a model has when its manifest names none and does not allow anonymous calls."""

RESERVED_MODEL_NAMES: Final = ("v1", "v2", "api", "metrics", "healthz", "readyz", "openapi.json")
"""First path segments of the gateway, which a model's name must not hide."""

MAX_NAME_LENGTH: Final = 40
"""Of a resource: CronJob names end at 52 characters, and `-start-` and a number follow."""


def live_config_name(name: str) -> str:
    """Return the ConfigMap of what changes without a new Pod."""
    return f"{name}-live"


def keys_name(name: str) -> str:
    """Return the Secret that holds the keys themselves, for their owner."""
    return f"{name}-keys"


def key_digests_name(name: str) -> str:
    """Return the Secret that holds the keys' digests, for the gateways."""
    return f"{name}-key-digests"
