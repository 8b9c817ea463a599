"""Where things lie inside a Pod. The containers' commands and the volumes' mounts both read it here."""

from __future__ import annotations

from typing import Final

CONFIG: Final = "/etc/modelport/config"
"""The fixed half of the resource, which fetch reads: `resource.json`."""
RESOURCE_FILE: Final = "resource.json"
LIVE_FILE: Final = "live.json"
PINS_FILE: Final = "pins.json"
MOUNTED_PINS_FILE: Final = f".{PINS_FILE}"
"""Hidden from the gateway, which takes each other file of the folder for a resource's."""
LIVE: Final = "/etc/modelport/live"
"""The live ConfigMap as fetch sees it: `NAME.json`, and the version and digest that it shall take."""
SECRETS: Final = "/etc/modelport/secrets"
"""Secrets that the resource names, one folder each."""
VOLUMES: Final = "/etc/modelport/volumes"
"""Volumes that sources lie on, one folder for each claim."""
MODELS: Final = "/models"
"""Triton's model repository: fetch writes it, Triton reads it."""
SERVING: Final = "/serving"
"""The gateway's configuration: `models/` by fetch, `live/` and `keys/` by the operator (`modelport.api.serving`)."""
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  where Triton's backends look for it
TERMINATION_LOG: Final = "/dev/termination-log"
"""Where Kubernetes looks for a container's last words."""
TEMPORARY: Final = "/tmp"  # noqa: S108  an emptyDir of each container's own
