"""A node that goes down without a word: everything serves again with nobody's help."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from real_cluster.kubectl import Kube, Object, environment_command, eventually
from real_cluster.report import Report

MODELS = {"after-half": "half-plus-two", "after-echo": "echo"}
"""Examples, by the names that they get here."""


def restarts(kube: Kube) -> int:
    statuses = [status for name in MODELS for pod in kube.pods(name) for status in pod["status"]["containerStatuses"]]
    return sum(status["restartCount"] for status in statuses)


def answers(kube: Kube) -> bool:
    """Tell whether every container has started anew, and every model says that it answers."""
    ready = [kube.condition(name, "Ready").get("status") for name in MODELS]
    pods = [pod for name in MODELS for pod in kube.pods(name)]
    conditions = [each for pod in pods for each in pod["status"]["conditions"] if each["type"] == "Ready"]
    return set(ready) == {"True"} and all(each["status"] == "True" for each in conditions)


def test_everything_serves_again_after_a_reboot(
    kube: Kube, system: Kube, example: Callable[..., Object], report: Report
) -> None:
    manifests = [example(which, name, access={"anonymous": True}) for name, which in MODELS.items()]
    for manifest in manifests:
        manifest["spec"]["model"]["name"] = manifest["metadata"]["name"]
    kube.apply(*manifests)
    for name in MODELS:
        kube.wait_settled(name)
    before = restarts(kube)
    began = time.monotonic()
    subprocess.run(environment_command("MODELPORT_E2E_REBOOT"), check=True, timeout=300)
    eventually(lambda: restarts(kube) > before, 180)
    eventually(lambda: answers(kube), 240, lambda: kube("get", "pm,pods"))
    took = time.monotonic() - began
    for name in MODELS:
        with kube.forwarded(f"service/{name}", 80) as base:
            done = subprocess.run(
                ["curl", "-sS", "--fail-with-body", f"{base}/v1/models/{name}"], capture_output=True, check=False
            )
        assert b"AVAILABLE" in done.stdout, done
    system("rollout", "status", "deployment/modelport-operator", "--timeout=60s", seconds=70)
    table = report.table("Node reboot", "what", "seconds")
    table.rows.append(("kubelet and containers killed, until both models answer again", f"{took:.0f}"))
    kube("delete", *(f"pm/{name}" for name in MODELS))
