"""No request fails while things change: each change under load, every answer counted."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping

import pytest
from real_cluster.kubectl import Kube, Object, environment_command, eventually
from real_cluster.load import load
from real_cluster.report import Report

NAME = "busy"
URL = f"http://{NAME}/v1/models/ripeness:predict"
AFTER_SECONDS = 4
"""The load goes on so long after a change is through."""

ASK = """
import sys, urllib.error, urllib.request
body = b'{"inputs": {"colour": [0.9], "firmness": [0.2]}}'
headers = {"x-api-key": sys.argv[2], "content-type": "application/json"}
try:
    print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers), timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""

KILL = """
for process in /proc/[0-9]*; do
    if [ "$(cat $process/comm 2>/dev/null)" = tritonserver ] && grep -q "$1" $process/cgroup; then
        kill -9 ${process#/proc/}
    fi
done
"""
"""A container's first process dies by no signal from inside, so that the node has to send it."""

Change = Callable[[], None]


@pytest.fixture(scope="module")
def busy(kube: Kube, example: Callable[..., Object]) -> Kube:
    """Serve a model by two instances; a spare key is there for rotations."""
    access = {"keys": [{"name": "default"}, {"name": "spare"}], "rateLimit": {"requestsPerSecond": 100000}}
    manifest = example("ripeness", NAME, access=access, execution={"instances": 2})
    manifest["spec"]["model"]["name"] = "ripeness"
    manifest["spec"]["model"]["versions"] = {"policy": "Specific", "specific": [3]}
    kube.apply(manifest)
    kube.wait_settled(NAME, 2)
    return kube


@pytest.fixture
def under_load(busy: Kube, images: Mapping[str, str], report: Report) -> Callable[[str, Change], None]:
    """Give a function that makes a change under load and holds that no request failed."""

    def make(what: str, change: Change) -> None:
        began = time.monotonic()
        with load(busy, images["modelport"], "load", URL, key=busy.key(NAME)) as running:
            time.sleep(2)
            change()
            time.sleep(AFTER_SECONDS)
        results = running.results
        report.under_load(what, results, time.monotonic() - began)
        assert results["total"] > 100
        assert results["failed"] == 0, json.dumps(results["errors"], indent=1)

    return make


def test_a_new_version_of_the_model(busy: Kube, under_load: Callable[[str, Change], None]) -> None:
    def change() -> None:
        busy.patch(f"pm/{NAME}", model={"versions": {"specific": [4]}})
        busy.wait_settled(NAME, 2)

    under_load("rolling update to a new model version", change)
    assert busy.get(f"pm/{NAME}")["status"]["model"]["version"] == "4"


def test_a_key_is_rotated(busy: Kube, under_load: Callable[[str, Change], None]) -> None:
    """A new key comes, and once it works an old one goes; the load has one that stays."""
    old = busy.key(NAME, "spare")

    def change() -> None:
        busy.patch(f"pm/{NAME}", access={"keys": [{"name": "default"}, {"name": "spare"}, {"name": "next"}]})
        eventually(lambda: "next" in keys_of(busy), 30, lambda: "the new key is not made")
        new = busy.key(NAME, "next")
        eventually(lambda: status(busy, new) == 200, 90, lambda: "the new key does not work")
        busy.patch(f"pm/{NAME}", access={"keys": [{"name": "default"}, {"name": "next"}]})
        eventually(lambda: status(busy, old) == 401, 90, lambda: "the old key still works")

    under_load("key rotation", change)


def keys_of(kube: Kube) -> set[str]:
    return set(kube.get(f"secret/{NAME}-keys")["data"])


def status(kube: Kube, key: str) -> int:
    """Return the status of a prediction with a key, asked from the load's Pod."""
    return int(kube("exec", "load", "--", "python", "-c", ASK, URL, key))


def test_a_rate_limit_changes_live(busy: Kube, under_load: Callable[[str, Change], None]) -> None:
    pods = [pod["metadata"]["uid"] for pod in busy.pods(NAME)]

    def change() -> None:
        busy.patch(f"pm/{NAME}", access={"rateLimit": {"requestsPerSecond": 90000}})
        time.sleep(5)

    under_load("live change of a rate limit", change)
    assert [pod["metadata"]["uid"] for pod in busy.pods(NAME)] == pods


def test_instances_come_and_go(busy: Kube, under_load: Callable[[str, Change], None]) -> None:
    def change() -> None:
        for instances in (1, 3, 1):
            busy.patch(f"pm/{NAME}", execution={"instances": instances})
            busy.wait_settled(NAME, instances)

    under_load("scale 1 → 3 → 1", change)
    busy.patch(f"pm/{NAME}", execution={"instances": 2})
    busy.wait_settled(NAME, 2)


def test_the_operator_is_restarted(busy: Kube, system: Kube, under_load: Callable[[str, Change], None]) -> None:
    def change() -> None:
        system("delete", "pods", "--all", "--now")
        system("rollout", "status", "deployment/modelport-operator", "--timeout=90s")

    under_load("operator restart", change)


def test_the_operator_is_upgraded(
    busy: Kube, helm: Callable[..., str], under_load: Callable[[str, Change], None]
) -> None:
    pods = [pod["metadata"]["uid"] for pod in busy.pods(NAME)]
    under_load("operator upgrade", lambda: helm("upgrade", image="modelport-next") and None)
    assert [pod["metadata"]["uid"] for pod in busy.pods(NAME)] == pods


def test_the_pods_move_to_the_new_images(
    busy: Kube, images: Mapping[str, str], under_load: Callable[[str, Change], None]
) -> None:
    def change() -> None:
        busy("annotate", f"pm/{NAME}", "modelport.io/upgrade=1", "--overwrite")
        eventually(lambda: all(image_of(pod) == images["modelport-next"] for pod in busy.pods(NAME)), 120)
        busy.wait_settled(NAME, 2)

    under_load("the model's own upgrade", change)


def image_of(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def test_a_drain_takes_one_instance_at_a_time(busy: Kube, under_load: Callable[[str, Change], None]) -> None:
    before = {pod["metadata"]["uid"] for pod in busy.pods(NAME)}
    nodes = {pod["spec"]["nodeName"] for pod in busy.pods(NAME)}

    def change() -> None:
        selector = f"--pod-selector=app.kubernetes.io/instance={NAME}"
        for node in nodes:
            command = ["kubectl", "drain", node, selector, "--delete-emptydir-data", "--timeout=120s"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as drain:
                # New instances need a place while old ones wait for them, and there may be no other node.
                while drain.poll() is None:
                    busy("uncordon", node)
                    time.sleep(0.5)
                assert drain.returncode == 0, drain.communicate()[0]
            busy("uncordon", node)
        busy.wait_settled(NAME, 2)

    under_load("drain with the PodDisruptionBudget", change)
    assert not before & {pod["metadata"]["uid"] for pod in busy.pods(NAME)}


def test_a_triton_crashes(busy: Kube, under_load: Callable[[str, Change], None]) -> None:
    """The other instance answers: what was with the dead one is asked there, or fails; how many is what counts."""

    def change() -> None:
        pod = busy.pods(NAME)[0]["metadata"]
        uid = pod["uid"].replace("-", "[-_]")  # systemd's names of cgroups have no dashes
        subprocess.run([*environment_command("MODELPORT_E2E_NODE"), "sh", "-c", KILL, "sh", uid], check=True)
        eventually(lambda: restarts(busy, pod["name"]) > 0, 60)
        busy.wait_settled(NAME, 2)

    under_load("Triton crash with two instances", change)


def restarts(kube: Kube, pod: str) -> int:
    statuses = kube.get(f"pod/{pod}")["status"]["initContainerStatuses"]
    return int(next(each["restartCount"] for each in statuses if each["name"] == "triton"))
