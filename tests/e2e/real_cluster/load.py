"""`modelport loadtest` in a Pod of the cluster, so that requests meet the Service as those of real clients do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from real_cluster.kubectl import Kube, Object, eventually

CONNECTIONS = 50
PROGRAM = """
import json, os, signal, subprocess, sys
command = ["modelport", "loadtest", *sys.argv[1:], "--json", "/tmp/results.json", "--allow-failures"]
load = subprocess.Popen(command, stdout=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, lambda *_: load.send_signal(signal.SIGINT))
load.wait()
print("RESULTS " + json.dumps(json.load(open("/tmp/results.json"))["results"]), flush=True)
"""


@dataclass
class Load:
    """A load that runs or ran."""

    kube: Kube
    name: str
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return int(self.results["failed"])


@contextmanager
def load(
    kube: Kube,
    image: str,
    name: str,
    *arguments: str,
    key: str = "",
    hosts: Mapping[str, str] | None = None,
    connections: int = CONNECTIONS,
    most: int = 300,
) -> Iterator[Load]:
    """Load an address for as long as the block runs, at most so many seconds; the results are there afterwards.

    `hosts` are the addresses of names that no DNS has.
    """
    container: Object = {
        "name": "load",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", PROGRAM],
        "args": [*arguments, f"--concurrency={connections}", f"--duration={most}s"],
        "env": [{"name": "MODELPORT_KEY", "value": key}, {"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    kube("delete", f"pod/{name}", "--ignore-not-found", "--now", "--wait")
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 60,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 1000,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [container],
                "hostAliases": [{"ip": ip, "hostnames": [host]} for host, ip in (hosts or {}).items()],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
                # A drain of the node must not take the load with it.
                "tolerations": [{"operator": "Exists"}],
            },
        }
    )
    kube("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s", seconds=70)
    running = Load(kube, name)
    try:
        yield running
    finally:
        kube("exec", name, "--", "python", "-c", "import os, signal; os.kill(1, signal.SIGTERM)")
        eventually(
            lambda: kube.get(f"pod/{name}")["status"]["phase"] in ("Succeeded", "Failed"),
            90,
            lambda: kube("logs", name),
        )
        logs = kube("logs", name)
        lines = [line for line in logs.splitlines() if line.startswith("RESULTS ")]
        assert lines, f"the load on {arguments} has no results: {logs[-2000:]}"
        running.results = json.loads(lines[-1].removeprefix("RESULTS "))
        kube("delete", f"pod/{name}", "--now", "--wait=false")
