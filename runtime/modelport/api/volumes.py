"""`pvc://CLAIM/PATH`: a model on a volume of the cluster, which the operator mounts and the Pod's fetch reads."""

from __future__ import annotations

from urllib.parse import unquote


def volume_of(uri: str) -> tuple[str, str] | None:
    """Return the PersistentVolumeClaim and the path on its volume that a URI names; None for another scheme."""
    if not uri.startswith("pvc:"):
        return None
    claim, _, path = uri.removeprefix("pvc:").lstrip("/").partition("/")
    return claim, unquote(path)
