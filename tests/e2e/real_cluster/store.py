"""A web server inside the cluster that holds the examples' models and broken ones, as archives.

It runs the image under test, so that it needs no image of its own, and any cluster has it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from real_cluster.kubectl import Kube, Object

NAME = "model-store"


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of files, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def archive_folder(folder: Path) -> bytes:
    """Return a tar of a folder's files."""
    return archive({str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()})


def address(kube: Kube, name: str) -> str:
    """Return where Pods find a model of the store."""
    return f"http://{NAME}.{kube.namespace}.svc/{name}.tar"


def open_store(kube: Kube, image: str, models: Mapping[str, bytes]) -> None:
    """Start the server and wait for it."""
    labels = {"app": NAME}
    digest = hashlib.sha256(b"".join(models[name] for name in sorted(models))).hexdigest()[:16]
    mounts = [{"name": "models", "mountPath": "/srv"}, {"name": "tmp", "mountPath": "/tmp"}]
    container: Object = {
        "name": "store",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "http.server", "8000", "--directory", "/srv"],
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": mounts,
    }
    pod: Object = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "models", "configMap": {"name": f"{NAME}-{digest}"}}, {"name": "tmp", "emptyDir": {}}],
    }
    meta = {"name": NAME, "labels": labels}
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{NAME}-{digest}"},
            "binaryData": {f"{name}.tar": base64.b64encode(content).decode() for name, content in models.items()},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    )
    kube("rollout", "status", f"deployment/{NAME}", "--timeout=180s", seconds=190)
