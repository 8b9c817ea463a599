"""How long it takes from `kubectl apply` to the first answer, by the stages of a Pod's life."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

from real_cluster.kubectl import Kube, Object, eventually
from real_cluster.report import Report

TIMES = 3
ASK = """
import json, sys, time, urllib.request
request = urllib.request.Request(sys.argv[1], b'{"instances": [1.0, 2.0, 5.0]}', {"content-type": "application/json"})
while True:
    try:
        answer = json.load(urllib.request.urlopen(request, timeout=5))
        print(time.time(), answer["predictions"])
        break
    except OSError:
        time.sleep(0.05)
"""
STAGES = ("applied to scheduled", "fetched", "Triton runs", "Triton has loaded", "ready", "first 200")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def stages(pod: Object, applied: float, answered: float) -> list[float]:
    """Return the seconds of each stage. The kubelet writes whole seconds, so that each but the sum is as inexact."""
    conditions: dict[str, Any] = {
        each["type"]: moment(each["lastTransitionTime"]) for each in pod["status"]["conditions"]
    }
    (fetch, triton) = pod["status"]["initContainerStatuses"]
    (gateway,) = pod["status"]["containerStatuses"]
    points = [
        applied,
        conditions["PodScheduled"],
        moment(fetch["state"]["terminated"]["finishedAt"]),
        moment(triton["state"]["running"]["startedAt"]),
        moment(gateway["state"]["running"]["startedAt"]),  # begins when Triton's startup probe has succeeded
        conditions["Ready"],
        answered,
    ]
    return [max(0.0, after - before) for before, after in pairwise(points)]


def test_a_small_model_answers_soon(
    kube: Kube, example: Callable[..., Object], images: dict[str, str], report: Report
) -> None:
    table = report.table(
        "From kubectl apply to the first 200",
        "run",
        *STAGES,
        "in all",
        note="Seconds, images present. Stages are told by Kubernetes in whole seconds, the sum is exact.",
    )
    asker = model_asker(kube, images["modelport"])
    totals = []
    for number in range(1, TIMES + 1):
        name = f"first-{number}"
        manifest = example("half-plus-two", name, access={"anonymous": True})
        applied = time.time()
        kube.apply(manifest)
        url = f"http://{name}/v1/models/half_plus_two:predict"
        told = kube("exec", asker, "--", "python", "-c", ASK, url, seconds=120).split(maxsplit=1)
        assert told[1].strip() == "[2.5, 3.0, 4.5]"
        (pod,) = kube.pods(name)
        answered = float(told[0])
        totals.append(answered - applied)
        table.rows.append((number, *(f"{each:.1f}" for each in (*stages(pod, applied, answered), totals[-1]))))
        kube("delete", f"pm/{name}", "--wait=false")
        eventually(lambda name=name: not kube.pods(name), 60)
    table.rows.append(("median", *[""] * len(STAGES), f"{statistics.median(totals):.1f}"))
    kube("delete", f"pod/{asker}", "--now")


def model_asker(kube: Kube, image: str) -> str:
    """Start a Pod to ask from and return its name; Python is up in it before the clock runs."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "ask",
        "image": image,
        "command": ["sleep", "3600"],
        "securityContext": restricted,
        "resources": {"requests": {"cpu": "10m"}},
    }
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "asker"},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
        }
    )
    kube("wait", "--for=condition=Ready", "pod/asker", "--timeout=60s")
    return "asker"
