"""Why a model does not answer, told by its own status and Events: nobody needs a Pod's logs for it."""

from __future__ import annotations

from typing import Any

import pytest
from models import Models, Spec, eventually
from running_operator import RunningOperator

from modelport_operator.resources import EVENT, POD, Kind, Manifest
from modelport_operator.store import Key

BY_HAND: Spec = {"execution": {"pod": {"annotations": {"test.modelport.io/by-hand": ""}}}}
QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces")


def container(name: str, state: Manifest, **more: Any) -> Manifest:
    return {"name": name, "image": f"example.com/{name}:1", "imageID": "", "restartCount": 0, "ready": False} | {
        "state": state,
        **more,
    }


DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}
FETCHED = container("fetch", DONE, ready=True)
LOADED = container("triton", {"running": {}}, ready=True, started=True)


def waiting(reason: str, message: str = "") -> Manifest:
    return {"waiting": {"reason": reason, "message": message}}


def crashed(name: str, code: int, message: str = "", reason: str = "Error") -> Manifest:
    last = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
    return container(name, waiting("CrashLoopBackOff"), lastState=last)


@pytest.mark.parametrize(
    ("init", "state", "reason", "message"),
    [
        pytest.param(
            [container("fetch", waiting("ImagePullBackOff", "Back-off pulling image"))],
            "Failed",
            "ImagePullBackOff",
            "image example.com/fetch:1 of fetch cannot be pulled: Back-off pulling image",
            id="an image cannot be pulled",
        ),
        pytest.param(
            [container("fetch", {"running": {}})],
            "Downloading",
            "Downloading",
            "the model is being fetched",
            id="the model is on its way",
        ),
        pytest.param(
            [crashed("fetch", 1, "s3://models/cups/ answered 403 AccessDenied")],
            "Failed",
            "DownloadFailed",
            "the model could not be fetched: s3://models/cups/ answered 403 AccessDenied",
            id="the model cannot be fetched",
        ),
        pytest.param(
            [FETCHED, crashed("triton", 137, reason="OOMKilled")],
            "Failed",
            "OOMKilled",
            "triton needed more memory than its limit of 1Gi",
            id="Triton needs more memory",
        ),
        pytest.param(
            [FETCHED, container("triton", {"running": {}}, started=False)],
            "Loading",
            "Loading",
            "Triton loads the model",
            id="the model is being loaded",
        ),
    ],
)
def test_the_cause_is_told_where_the_owner_looks(
    operator: RunningOperator, models: Models, init: list[Manifest], state: str, reason: str, message: str
) -> None:
    models.publish(spec={"execution": {**BY_HAND["execution"], "resources": {"limits": {"memory": "1Gi"}}}})
    (pod,) = eventually(models.pods)
    eventually(lambda: models.there(POD, pod["metadata"]["name"])["spec"].get("nodeName"))
    models.set_status(POD, pod["metadata"]["name"], {"initContainerStatuses": init})
    status = models.wait(Ready=f"False {reason}", ModelLoaded=f"False {reason}")
    assert status["state"] == state
    assert models.message("Ready") == message
    kind = "Warning" if state == "Failed" else "Normal"
    eventually(models.events, lambda told: f"{kind} {reason} Ready: {message}" in told)


def test_a_pod_on_its_way_is_told_step_by_step_and_nothing_twice(operator: RunningOperator, models: Models) -> None:
    models.publish(spec=BY_HAND)
    (pod,) = eventually(models.pods)
    name = pod["metadata"]["name"]
    models.wait(Ready="False Starting")
    words = '{"version":"4","digest":"sha256:0123","serving":["3","4"]}'
    fetched = container("fetch", {"terminated": {"exitCode": 0, "reason": "Completed", "message": words}}, ready=True)
    steps: list[tuple[str, Manifest]] = [
        ("False Downloading", {"initContainerStatuses": [container("fetch", {"running": {}})]}),
        ("False Loading", {"initContainerStatuses": [fetched, container("triton", {"running": {}}, started=False)]}),
        (
            "True Serving",
            {
                "phase": "Running",
                "initContainerStatuses": [fetched, LOADED],
                "containerStatuses": [container("gateway", {"running": {}}, ready=True)],
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
            },
        ),
    ]
    for reason, told in steps:
        models.set_status(POD, name, told)
        models.wait(Ready=reason)
        operator.wake(Key(models.namespace, "cups"))
    status = models.settled()["status"]
    assert status["model"] == {"version": "4", "digest": "sha256:0123", "serving": ["3", "4"]} | {
        "config": status["images"]["config"]
    }

    def ready() -> list[str]:
        return [event.split()[1] for event in models.events() if " Ready: " in event]

    eventually(ready, lambda told: "Serving" in told)  # which is written after the status
    assert ready() == ["Starting", "Downloading", "Loading", "Serving"]
    told = models.events()
    assert sorted(told) == sorted(set(told))


def test_times_of_conditions_move_with_their_status_alone(operator: RunningOperator, models: Models) -> None:
    models.publish(spec=BY_HAND)
    (pod,) = eventually(models.pods)

    def since() -> dict[str, str]:
        return {each["type"]: each["lastTransitionTime"] for each in models.status()["conditions"]}

    models.wait(Ready="False Starting")
    before = since()
    operator.clock.ahead = operator.clock.ahead.__class__(hours=1)
    running = container("fetch", {"running": {}})
    models.set_status(POD, pod["metadata"]["name"], {"initContainerStatuses": [running]})
    models.wait(Ready="False Downloading")
    assert since()["Ready"] == before["Ready"]
    models.edit("cups", {"execution": {"instances": 0}})
    models.wait(Ready="False NoInstances", ModelLoaded="Unknown NoInstances")
    assert since()["Ready"] == before["Ready"]
    assert since()["ModelLoaded"] > before["ModelLoaded"]


def test_a_gpu_too_many_waits_for_one(operator: RunningOperator, models: Models) -> None:
    models.publish("first", {"execution": {"device": "GPU", "gpu": {"count": 8}}})
    models.wait("first", Ready="True Serving")
    models.publish(spec={"execution": {"device": "GPU"}})
    status = models.wait(Ready="False WaitingForGPU")
    assert status["state"] == "WaitingForGPU"
    assert models.message("Ready").startswith("no node has a free nvidia.com/gpu: 0/1 nodes are available")
    models.delete("first")
    models.wait(Ready="True Serving")


def test_a_gpu_that_no_node_has_is_named(operator: RunningOperator, models: Models) -> None:
    models.publish(spec={"execution": {"device": "GPU", "gpu": {"product": "NVIDIA-L4"}}})
    status = models.wait(Ready="False Unschedulable")
    assert status["state"] == "Pending"
    assert models.message("Ready").endswith("(asked for: nvidia.com/gpu.product=NVIDIA-L4)")


def test_a_quota_that_leaves_no_room_is_told(operator: RunningOperator, models: Models) -> None:
    models.create(QUOTA, "few", spec={"hard": {"pods": "0"}})
    models.publish()
    models.wait(Ready="False FailedCreate")
    assert "exceeded quota: few" in models.message("Ready")


def test_a_quota_on_secrets_is_told(operator: RunningOperator, models: Models) -> None:
    models.create(QUOTA, "none", spec={"hard": {"count/secrets": "0"}})
    eventually(lambda: models.there(QUOTA, "none").get("status", {}).get("hard"))
    models.publish()
    models.wait(KeysReady="False KeyMissing", Applied="False Forbidden")
    assert "exceeded quota: none" in models.message("KeysReady")


@pytest.fixture
def restricted(models: Models) -> None:
    """Let the namespace take Pods of the strictest standard alone."""
    label = {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    models.call("PATCH", NAMESPACE.path(None, models.namespace), {"metadata": label}, "application/merge-patch+json")


def test_pods_are_admitted_by_the_restricted_standard(
    operator: RunningOperator, models: Models, restricted: None
) -> None:
    models.publish()
    models.publish("gpu", {"execution": {"device": "GPU", "pod": {"sharedMemory": "1Gi"}}})
    models.settled()
    models.settled("gpu")


def test_a_policy_that_refuses_pods_is_told(operator: RunningOperator, models: Models) -> None:
    models.publish(spec={"execution": {"pod": {"serviceAccountName": "nobody"}}})
    models.wait(Ready="False FailedCreate")
    assert 'serviceaccount "nobody" not found' in models.message("Ready")


def test_a_volume_that_cannot_be_mounted_is_told(operator: RunningOperator, models: Models) -> None:
    models.publish(spec=BY_HAND | {"model": {"source": {"uri": "s3://m/", "secretRef": {"name": "absent"}}}})
    (pod,) = eventually(models.pods)
    name = pod["metadata"]["name"]
    eventually(lambda: models.there(POD, name)["spec"].get("nodeName"))
    missing = 'MountVolume.SetUp failed for volume "secret": secret "absent" not found'
    about = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": name,
        "namespace": models.namespace,
        "uid": pod["metadata"]["uid"],
    }
    models.create(EVENT, f"{name}.1", involvedObject=about, reason="FailedMount", message=missing, type="Warning")
    operator.advance(Key(models.namespace, "cups"), seconds=11)
    models.wait(Ready="False FailedMount")
    assert models.message("Ready") == missing


def test_what_a_pod_that_was_evicted_left_is_not_what_counts(operator: RunningOperator, models: Models) -> None:
    models.publish(spec=BY_HAND)
    (pod,) = eventually(models.pods)
    models.set_status(POD, pod["metadata"]["name"], {"phase": "Failed", "reason": "Evicted", "message": "no memory"})
    models.edit("cups", {"execution": {"pod": {"annotations": None}}})
    status = eventually(models.status, lambda told: told.get("state") == "Serving")
    assert status["instances"] == 1
