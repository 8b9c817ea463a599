"""Names that more than one process relies on: the API group, ports, reserved words."""

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

GATEWAY_PORT: Final = 8080
METRICS_PORT: Final = 9090
TRITON_GRPC_PORT: Final = 8001

KEY_DEFAULT: Final = "default"
"""The key that a model has when its manifest names none and does not allow anonymous calls."""

RESERVED_MODEL_NAMES: Final = ("v1", "v2", "api", "metrics", "healthz", "readyz", "openapi.json")
"""First path segments of the gateway, which a model's name must not hide."""

MAX_NAME_LENGTH: Final = 40
"""Of a resource: CronJob names end at 52 characters, and `-start-` and a number follow."""
