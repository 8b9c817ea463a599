"""Why a Pod does not answer, from what Kubernetes and its own gateway say of it: one reason, one sentence. Pure.

The checks go along the Pod's life, and the first that finds something speaks: what comes later can only be a
consequence. A gateway is heard where Kubernetes knows no more than that the Pod is not ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modelport_operator.readiness import Readiness
from modelport_operator.resources import Manifest

STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})
"""Reasons of a waiting container that say nothing yet."""
MOUNTING = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"})
"""Events of a Pod whose containers cannot even be made."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is not as wanted."""

    reason: str
    """CamelCase, for machines."""
    message: str
    """A sentence, for people."""
    failed: bool = True
    """It will not pass by itself; False for a step on the way."""


Check = Callable[[Manifest, Sequence[Manifest]], Cause | None]


SILENT = Cause("Loading", "the model does not answer yet", failed=False)
"""All that Kubernetes knows of a Pod whose containers run."""


def diagnose(pod: Manifest, events: Sequence[Manifest] = (), told: Readiness | None = None) -> Cause | None:
    """Return why a Pod does not answer; None if it does.

    `events` are those about the Pod, the newest last; `told` is what its gateway says, if that was asked.
    """
    cause = next((cause for check in CHECKS if (cause := check(pod, events))), None)
    if cause is not SILENT or told is None:
        return cause
    told_why = f"{SILENT.message}: {told.reason}" if told.reason else SILENT.message
    return diagnose_versions(told) or Cause(SILENT.reason, told_why, failed=False)


def diagnose_versions(told: Readiness) -> Cause | None:
    """Return which versions of the model have failed, in Triton's own words; None if none has."""
    failed = {name: each for name, each in told.versions.items() if each.failed}
    if not failed:
        return None
    return Cause("ModelFailed", "; ".join(f"version {name}: {each.reason}" for name, each in failed.items()))


def diagnose_sink(told: Readiness) -> Cause | None:
    """Return why flagged pictures are not stored; None if they are, or there is nowhere to store them."""
    if told.sink is None or told.sink.ok:
        return None
    word = "".join(part.capitalize() for part in told.sink.reason.split("_"))
    return Cause(f"Sink{word or 'Failed'}", f"flagged pictures cannot be stored: {told.sink.message}")


def diagnose_settings(told: Readiness) -> Cause | None:
    """Return what of its settings the gateway refuses; None if it has taken them all."""
    if not told.problems:
        return None
    return Cause("SettingsRefused", f"the gateway goes on with its former settings: {'; '.join(told.problems)}")


def _is_gone(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    status = pod.get("status", {})
    if status.get("phase") != "Failed":
        return None
    return Cause(status.get("reason", "PodFailed"), status.get("message", "the Pod failed"))


def _is_unscheduled(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = condition.get("message", "no node has been found yet")
            for resource in _gpus_of(pod):
                if resource in message:
                    return Cause("WaitingForGPU", f"no node has a free {resource}: {message}", failed=False)
            labels = pod["spec"].get("nodeSelector", {}) if "affinity/selector" in message else {}
            asked = ", ".join(f"{name}={value}" for name, value in labels.items())
            wish = f" (asked for: {asked})" if asked else ""
            return Cause(condition.get("reason", "Unschedulable"), message + wish, failed=False)
    return None


def _cannot_be_made(pod: Manifest, events: Sequence[Manifest]) -> Cause | None:
    if any(_waiting_reason(status) not in STARTING for status in _statuses(pod)):
        return None
    for event in reversed(events):
        if event.get("reason") in MOUNTING:
            return Cause(event["reason"], event.get("message", ""))
    return None


def _cannot_pull(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    for status in _statuses(pod):
        reason = _waiting_reason(status)
        if reason in ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"):
            detail = status["state"]["waiting"].get("message", "")
            return Cause(reason, f"image {status['image']} of {status['name']} cannot be pulled: {detail}")
        if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
            return Cause(reason, f"{status['name']}: {status['state']['waiting'].get('message', reason)}")
    return None


def _is_being_made(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    fetch = _status_of(pod, "fetch")
    if fetch is not None and (_waiting_reason(fetch) not in STARTING or fetch.get("lastState")):
        return None
    node = pod["spec"].get("nodeName")
    where = f"its containers are being made on {node}" if node else "a node is being chosen"
    return Cause("Starting", f"the newest instance is on its way: {where}", failed=False)


def _fetch_failed(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    return _ended(pod, "fetch", "DownloadFailed", "the model could not be fetched")


def _fetch_runs(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    status = _status_of(pod, "fetch")
    if status is None or "terminated" in status["state"]:
        return None
    return Cause("Downloading", "the model is being fetched", failed=False)


def _triton_failed(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    return _ended(pod, "triton", "TritonFailed", "Triton ended")


def _triton_loads(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    status = _status_of(pod, "triton")
    if status is None or status.get("started"):
        return None
    return Cause("Loading", "Triton loads the model", failed=False)


def _gateway_failed(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    return _ended(pod, "gateway", "GatewayFailed", "the gateway ended")


def _is_silent(pod: Manifest, _: Sequence[Manifest]) -> Cause | None:
    status = _status_of(pod, "gateway")
    if status is not None and status.get("ready"):
        return None
    return SILENT


CHECKS: tuple[Check, ...] = (
    _is_gone,
    _is_unscheduled,
    _cannot_be_made,
    _cannot_pull,
    _is_being_made,
    _fetch_failed,
    _fetch_runs,
    _triton_failed,
    _triton_loads,
    _gateway_failed,
    _is_silent,
)


def _ended(pod: Manifest, container: str, reason: str, otherwise: str) -> Cause | None:
    """Tell how a container failed that has not become ready since; while it tries again, the reason still stands."""
    status = _status_of(pod, container)
    if status is None or status.get("ready"):
        return None
    terminated = status["state"].get("terminated") or status.get("lastState", {}).get("terminated")
    if terminated is None or terminated.get("exitCode") == 0:
        return None
    if terminated.get("reason") == "OOMKilled":
        return Cause("OOMKilled", f"{container} needed more memory than {_memory_bound(pod, container)}")
    told = terminated.get("message", "").strip()
    code = terminated.get("exitCode")
    return Cause(reason, f"{otherwise}: {told.splitlines()[-1]}" if told else f"{otherwise}: exit code {code}")


def _statuses(pod: Manifest) -> Iterator[Manifest]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses", ())
    yield from status.get("containerStatuses", ())


def _status_of(pod: Manifest, container: str) -> Manifest | None:
    return next((each for each in _statuses(pod) if each["name"] == container), None)


def _waiting_reason(status: Manifest) -> str:
    if "waiting" not in status.get("state", {}):
        return "NotWaiting" if status.get("state") else ""
    reason: str = status["state"]["waiting"].get("reason", "")
    return reason


def _containers(pod: Manifest) -> Iterator[Manifest]:
    yield from pod["spec"].get("initContainers", ())
    yield from pod["spec"]["containers"]


def _memory_bound(pod: Manifest, container: str) -> str:
    for each in _containers(pod):
        limit = each.get("resources", {}).get("limits", {}).get("memory")
        if each["name"] == container and limit:
            return f"its limit of {limit}"
    return "its node has left"


def _gpus_of(pod: Manifest) -> list[str]:
    """Return the extended resources that the Pod asks for."""
    names = {name for each in _containers(pod) for name in each.get("resources", {}).get("limits", {})}
    return sorted(name for name in names if "/" in name)
