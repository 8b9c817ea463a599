"""Pods as Kubernetes describes them, and what their owner is told."""

from __future__ import annotations

from typing import Any

import pytest

from modelport_operator.resources import Manifest
from modelport_operator.status.diagnosis import CHECKS, Cause, diagnose

DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}
RUNNING: Manifest = {"running": {}}


def status(name: str, state: Manifest, **more: Any) -> Manifest:
    return {"name": name, "image": f"example.com/{name}:1", "ready": False, "state": state, **more}


def waiting(reason: str, message: str = "") -> Manifest:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, message: str = "", reason: str = "Error") -> Manifest:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def crashed(name: str, code: int, message: str = "", reason: str = "Error") -> Manifest:
    return status(name, waiting("CrashLoopBackOff"), lastState=ended(code, message, reason))


def pod(*statuses: Manifest, scheduled: str = "", gpu: str = "", **parts: Any) -> Manifest:
    """A Pod on a node; `scheduled` is what the scheduler says where it has found none."""
    limits = {"memory": "2Gi"} | ({gpu: "1"} if gpu else {})
    spec: Manifest = {
        "nodeName": None if scheduled else "node-0",
        "initContainers": [{"name": "fetch"}, {"name": "triton", "resources": {"limits": limits}}],
        "containers": [{"name": "gateway"}],
        **parts.pop("spec", {}),
    }
    place = {"type": "PodScheduled", "status": "False" if scheduled else "True"}
    if scheduled:
        place |= {"reason": "Unschedulable", "message": scheduled}
    init = [each for each in statuses if each["name"] != "gateway"]
    main = [each for each in statuses if each["name"] == "gateway"]
    told = {"conditions": [place], "initContainerStatuses": init, "containerStatuses": main, **parts}
    return {"metadata": {"name": "cups-1"}, "spec": spec, "status": told}


FETCHED = status("fetch", DONE)
LOADED = status("triton", RUNNING, started=True, ready=True)
MADE = (FETCHED, LOADED)
ON_ITS_WAY = "the newest instance is on its way"
NOT_MADE = (status("fetch", waiting("PodInitializing")), status("triton", waiting("PodInitializing")))


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        pytest.param(pod(*MADE, status("gateway", RUNNING, ready=True)), None, id="a Pod that answers"),
        pytest.param(
            pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
            Cause("Evicted", "The node was low on resource: memory."),
            id="it was evicted",
        ),
        pytest.param(
            pod(gpu="nvidia.com/gpu", scheduled="0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
            Cause(
                "WaitingForGPU",
                "no node has a free nvidia.com/gpu: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                failed=False,
            ),
            id="every GPU is taken",
        ),
        pytest.param(
            pod(gpu="nvidia.com/mig-1g.10gb", scheduled="3 Insufficient nvidia.com/mig-1g.10gb."),
            Cause(
                "WaitingForGPU",
                "no node has a free nvidia.com/mig-1g.10gb: 3 Insufficient nvidia.com/mig-1g.10gb.",
                failed=False,
            ),
            id="every part of a GPU is taken",
        ),
        pytest.param(
            pod(gpu="nvidia.com/gpu", scheduled="0/3 nodes are available: 3 Insufficient memory."),
            Cause("Unschedulable", "0/3 nodes are available: 3 Insufficient memory.", failed=False),
            id="there is a GPU and no memory",
        ),
        pytest.param(
            pod(
                scheduled="0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
                spec={"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"}},
            ),
            Cause(
                "Unschedulable",
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
                " (asked for: nvidia.com/gpu.product=NVIDIA-L4)",
                failed=False,
            ),
            id="no node is of the wanted kind",
        ),
        pytest.param(
            pod(*NOT_MADE),
            Cause("Starting", f"{ON_ITS_WAY}: its containers are being made on node-0", failed=False),
            id="images may be on their way",
        ),
        pytest.param(
            pod(spec={"nodeName": None}),
            Cause("Starting", f"{ON_ITS_WAY}: a node is being chosen", failed=False),
            id="nobody has looked at it yet",
        ),
        pytest.param(
            pod(status("fetch", waiting("ImagePullBackOff", "Back-off pulling image"))),
            Cause("ImagePullBackOff", "image example.com/fetch:1 of fetch cannot be pulled: Back-off pulling image"),
            id="an image cannot be pulled",
        ),
        pytest.param(
            pod(FETCHED, status("triton", waiting("ErrImagePull", "unauthorized"))),
            Cause("ErrImagePull", "image example.com/triton:1 of triton cannot be pulled: unauthorized"),
            id="the image of Triton cannot be pulled, after the fetch",
        ),
        pytest.param(
            pod(status("fetch", waiting("CreateContainerConfigError", 'secret "s3" not found'))),
            Cause("CreateContainerConfigError", 'fetch: secret "s3" not found'),
            id="a Secret is missing",
        ),
        pytest.param(
            pod(status("fetch", RUNNING), status("triton", waiting("PodInitializing"))),
            Cause("Downloading", "the model is being fetched", failed=False),
            id="the model is on its way",
        ),
        pytest.param(
            pod(crashed("fetch", 1, "s3://models/cups/ answered 403 AccessDenied\n")),
            Cause("DownloadFailed", "the model could not be fetched: s3://models/cups/ answered 403 AccessDenied"),
            id="fetch gave up and waits to start again",
        ),
        pytest.param(
            pod(status("fetch", ended(1, "a line of the log\nno such bucket"))),
            Cause("DownloadFailed", "the model could not be fetched: no such bucket"),
            id="fetch has just given up: its last line speaks",
        ),
        pytest.param(
            pod(status("fetch", ended(2))),
            Cause("DownloadFailed", "the model could not be fetched: exit code 2"),
            id="fetch ended without a word",
        ),
        pytest.param(
            pod(status("fetch", RUNNING, lastState=ended(1, "no such bucket"))),
            Cause("DownloadFailed", "the model could not be fetched: no such bucket"),
            id="fetch tries again: the reason it failed for still stands",
        ),
        pytest.param(
            pod(FETCHED, status("triton", RUNNING, started=False)),
            Cause("Loading", "Triton loads the model", failed=False),
            id="Triton loads",
        ),
        pytest.param(
            pod(FETCHED, crashed("triton", 137, reason="OOMKilled")),
            Cause("OOMKilled", "triton needed more memory than its limit of 2Gi"),
            id="Triton was killed for its memory",
        ),
        pytest.param(
            pod(*MADE, crashed("gateway", 137, reason="OOMKilled")),
            Cause("OOMKilled", "gateway needed more memory than its node has left"),
            id="a container without a limit was killed for its memory",
        ),
        pytest.param(
            pod(FETCHED, crashed("triton", 1, "E0101 something\nerror: creating server: Internal - no space")),
            Cause("TritonFailed", "Triton ended: error: creating server: Internal - no space"),
            id="Triton ended",
        ),
        pytest.param(
            pod(*MADE, crashed("gateway", 1, "no such file: /serving")),
            Cause("GatewayFailed", "the gateway ended: no such file: /serving"),
            id="the gateway ended",
        ),
        pytest.param(
            pod(*MADE, status("gateway", RUNNING)),
            Cause("Loading", "the model does not answer yet", failed=False),
            id="all runs and the model is silent",
        ),
    ],
)
def test_what_the_owner_is_told(found: Manifest, cause: Cause | None) -> None:
    assert diagnose(found) == cause


def event(reason: str, message: str) -> Manifest:
    return {"reason": reason, "message": message}


MISSING = event("FailedMount", 'MountVolume.SetUp failed for volume "s3": secret "models-s3" not found')


@pytest.mark.parametrize(
    ("found", "events", "reason"),
    [
        pytest.param(pod(*NOT_MADE), [event("Scheduled", ""), MISSING], "FailedMount", id="a volume cannot be mounted"),
        pytest.param(pod(), [MISSING], "FailedMount", id="also where nothing is said of the containers yet"),
        pytest.param(pod(*NOT_MADE), [event("Pulling", "")], "Starting", id="other Events are no trouble"),
        pytest.param(
            pod(status("fetch", RUNNING)), [MISSING], "Downloading", id="an Event from before the containers is history"
        ),
    ],
)
def test_events_speak_only_until_there_are_containers(found: Manifest, events: list[Manifest], reason: str) -> None:
    cause = diagnose(found, events)
    assert cause is not None
    assert cause.reason == reason


def test_every_check_lets_a_pod_pass_of_which_nothing_is_known() -> None:
    blank: Manifest = {"metadata": {"name": "x"}, "spec": {"containers": []}}
    assert [check.__name__ for check in CHECKS if check(blank, ())] == ["_is_being_made", "_is_silent"]
