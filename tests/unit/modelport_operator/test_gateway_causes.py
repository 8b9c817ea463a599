"""What a status tells of what gateways say: whom to ask, and what their answers turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.keys import Keys
from modelport_operator.readiness import Readiness, Sink, Version
from modelport_operator.resources import DEPLOYMENT, POD, Manifest
from modelport_operator.status import build_status
from modelport_operator.status.facts import STUCK_SECONDS, Facts

SINK: Manifest = {
    "io": {"task": "ImageClassification", "inputs": [{"name": "image", "kind": "Image"}], "labels": ["cup", "bowl"]},
    "evaluation": {"sink": {"uri": "s3://sink/"}},
}
VERSIONS: Manifest = {"model": {"versions": {"policy": "Specific", "specific": [3, 4]}}}
WELL = Version(ready=True, state="READY", reason="")
BROKEN = Version(ready=False, state="UNAVAILABLE", reason="Internal: no weights")

BuildFacts = Callable[..., Facts]


@pytest.fixture
def build_facts(build_context: Callable[..., Context]) -> BuildFacts:
    """Make one look at a resource: its Pods by name, as (ready, seconds that the gateway has run)."""

    def build(spec: Mapping[str, Any], pods: Mapping[str, tuple[bool, float]], **told: Readiness) -> Facts:
        context = build_context(spec)
        children: dict[Any, Manifest] = {}
        for name, (ready, seconds) in pods.items():
            running = {"running": {"startedAt": (context.now - timedelta(seconds=seconds)).isoformat()}}
            children[POD, name] = {
                "metadata": {"name": name, "uid": name, "creationTimestamp": f"2026-11-22T11:00:0{len(children)}Z"},
                "spec": {"nodeName": "node-0", "containers": []},
                "status": {
                    "conditions": [{"type": "Ready", "status": str(ready)}],
                    "initContainerStatuses": [
                        {"name": "fetch", "state": {"terminated": {"exitCode": 0}}},
                        {"name": "triton", "state": running, "started": True, "ready": True},
                    ],
                    "containerStatuses": [{"name": "gateway", "state": running, "ready": ready}],
                },
            }
        count = len(pods)
        children[DEPLOYMENT, "cups"] = {
            "metadata": {"generation": 1},
            "spec": {"replicas": count},
            "status": {"observedGeneration": 1}
            | dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), count),
        }
        resource: Manifest = {"metadata": {"name": "cups", "namespace": "vision", "generation": 1}}
        return Facts(context, resource, children, Keys(None, {}), told=told)

    return build


YES, NO, NEW = (True, 100.0), (False, 100.0), (False, STUCK_SECONDS - 1)
WHOM = {
    "a model of one version that answers": ({}, {"a": YES}, []),
    "a Pod that has not answered for a while": ({}, {"a": NO}, ["a"]),
    "a gateway that has just begun": ({}, {"a": NEW}, []),
    "the newest of two that do not answer": ({}, {"a": NO, "b": NO}, ["b"]),
    "only the newest counts, however new": ({}, {"a": NO, "b": NEW}, []),
    "a model of several versions": (VERSIONS, {"a": YES, "b": YES}, ["b"]),
    "a model with a sink": (SINK, {"a": YES}, ["a"]),
    "one of each": (VERSIONS, {"a": YES, "b": NO}, ["b", "a"]),
    "nobody": (VERSIONS, {}, []),
}


@pytest.mark.parametrize(("spec", "pods", "asked"), WHOM.values(), ids=WHOM)
def test_whom_to_ask(spec: Manifest, pods: Mapping[str, Any], asked: list[str], build_facts: BuildFacts) -> None:
    assert [pod["metadata"]["name"] for pod in build_facts(spec, pods).asked_pods] == asked


def told(ready: bool = True, reason: str = "", **parts: Any) -> Readiness:
    return Readiness(ready=ready, state="READY" if ready else "UNAVAILABLE", reason=reason, **parts)


def denied(reason: str) -> Readiness:
    return told(sink=Sink(ok=False, reason=reason, message="s3://sink/ answered 403"))


LOADED = ("True", "Loaded", "every instance has loaded the model")
CASES: dict[str, tuple[Manifest, tuple[bool, float], Readiness | None, str, str, tuple[str, str, str]]] = {
    "nobody answers the operator": (
        {},
        NO,
        None,
        "Loading",
        "Ready",
        ("False", "Loading", "the model does not answer yet"),
    ),
    "the model is on its way": (
        {},
        NO,
        told(ready=False, versions={"4": Version(ready=False, state="LOADING", reason="")}),
        "Loading",
        "Ready",
        ("False", "Loading", "the model does not answer yet"),
    ),
    "Triton is away": (
        {},
        NO,
        told(ready=False, reason="Triton is starting or restarting"),
        "Loading",
        "Ready",
        ("False", "Loading", "the model does not answer yet: Triton is starting or restarting"),
    ),
    "the model cannot be loaded": (
        {},
        NO,
        told(ready=False, reason="Internal: no weights", versions={"4": BROKEN}),
        "Failed",
        "Ready",
        ("False", "ModelFailed", "version 4: Internal: no weights"),
    ),
    "one version failed and Triton has unloaded the other": (
        VERSIONS,
        NO,
        told(ready=False, versions={"3": BROKEN, "4": Version(ready=False, state="UNAVAILABLE", reason="unloaded")}),
        "Failed",
        "ModelLoaded",
        ("False", "ModelFailed", "version 3: Internal: no weights"),
    ),
    "one version failed while the other serves": (
        VERSIONS,
        YES,
        told(versions={"3": WELL, "4": BROKEN}),
        "Degraded",
        "ModelLoaded",
        ("False", "ModelFailed", "version 4: Internal: no weights"),
    ),
    "every version serves": (VERSIONS, YES, told(versions={"3": WELL, "4": WELL}), "Serving", "ModelLoaded", LOADED),
    "a Pod that answers is not known to have failed": (VERSIONS, YES, None, "Serving", "ModelLoaded", LOADED),
    "the sink works": (
        SINK,
        YES,
        told(sink=Sink(ok=True)),
        "Serving",
        "SinkReady",
        ("True", "SinkReady", "no flagged picture waits for a sink that fails"),
    ),
    "the sink is refused": (
        SINK,
        YES,
        denied("denied"),
        "Degraded",
        "SinkReady",
        ("False", "SinkDenied", "flagged pictures cannot be stored: s3://sink/ answered 403"),
    ),
    "the sink fails for a reason of several words": (
        SINK,
        YES,
        denied("no_room"),
        "Degraded",
        "SinkReady",
        ("False", "SinkNoRoom", "flagged pictures cannot be stored: s3://sink/ answered 403"),
    ),
    "the sink fails for no reason": (
        SINK,
        YES,
        denied(""),
        "Degraded",
        "SinkReady",
        ("False", "SinkFailed", "flagged pictures cannot be stored: s3://sink/ answered 403"),
    ),
    "nobody tells of the sink": (
        SINK,
        YES,
        None,
        "Serving",
        "SinkReady",
        ("Unknown", "NotTold", "the gateway in Pod a does not tell the operator of its sink"),
    ),
    "nobody is there to tell of the sink": (
        SINK,
        NO,
        None,
        "Loading",
        "SinkReady",
        ("Unknown", "NoInstances", "no instance answers that could tell"),
    ),
    "settings are refused": (
        SINK,
        YES,
        told(sink=Sink(ok=True), problems=("live/cups.json: does not fit the model",)),
        "Degraded",
        "Applied",
        (
            "False",
            "SettingsRefused",
            "the gateway goes on with its former settings: live/cups.json: does not fit the model",
        ),
    ),
}


@pytest.mark.parametrize(("spec", "pod", "answer", "state", "condition", "finding"), CASES.values(), ids=CASES)
def test_what_an_answer_turns(
    spec: Manifest,
    pod: tuple[bool, float],
    answer: Readiness | None,
    state: str,
    condition: str,
    finding: tuple[str, str, str],
    build_facts: BuildFacts,
) -> None:
    facts = build_facts(spec, {"a": pod}, **({"a": answer} if answer is not None else {}))
    status = build_status(facts)
    (found,) = (each for each in status["conditions"] if each["type"] == condition)
    assert (found["status"], found["reason"], found["message"]) == finding
    assert status["state"] == state


def test_settings_need_not_fit_pods_that_are_replaced(build_facts: BuildFacts) -> None:
    facts = build_facts(SINK, {"a": YES}, a=told(problems=("no",)))
    live = facts.children[DEPLOYMENT, "cups"]
    rolling = live | {"status": live["status"] | {"updatedReplicas": 0}}
    assert facts.settings_cause is not None
    assert replace(facts, children={**facts.children, (DEPLOYMENT, "cups"): rolling}).settings_cause is None


def test_a_model_without_a_sink_has_no_such_condition(build_facts: BuildFacts) -> None:
    status = build_status(build_facts(VERSIONS, {"a": YES}))
    assert "SinkReady" not in {each["type"] for each in status["conditions"]}


def test_what_kubernetes_knows_goes_before_what_the_gateway_says(build_facts: BuildFacts) -> None:
    facts = build_facts({}, {"a": NO}, a=told(ready=False, reason="Triton is starting or restarting"))
    (triton,) = (each for each in facts.pods[0]["status"]["initContainerStatuses"] if each["name"] == "triton")
    triton |= {"ready": False, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    assert facts.cause is not None
    assert facts.cause.reason == "OOMKilled"
