"""The status as a whole: within what the definition allows, whatever is told, and the same where nothing changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelport.api.status import Status
from modelport_operator.cluster import Refused
from modelport_operator.desired.base import Context
from modelport_operator.events import build_events
from modelport_operator.keys import Keys
from modelport_operator.resources import DEPLOYMENT, POD
from modelport_operator.status import Facts, build_invalid_status, build_status

Build = Callable[..., Context]


def facts_of(context: Context, resource: dict[str, Any], children: Any = None, **parts: Any) -> Facts:
    return Facts(context, resource, children or {}, Keys(context.key_digests, {}), **parts)


def resource_of(status: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"name": "cups", "namespace": "vision", "uid": "f00d", "generation": 7}
    return {"metadata": metadata, "status": status or {}}


def test_the_status_is_one_that_the_definition_takes(build_context: Build) -> None:
    context = build_context()
    status = build_status(facts_of(context, resource_of()))
    assert Status.model_validate_json(json.dumps(status))
    assert status["observedGeneration"] == 7
    assert status["state"] == "Pending"


def test_however_long_a_message_and_however_empty_a_reason_is_the_definition_takes_it(build_context: Build) -> None:
    refused = (Refused("Deployment", "cups", "", "x" * 100_000), Refused("Service", "cups", "R" * 5000, "y"))
    status = build_status(facts_of(build_context(), resource_of(), refused=refused))
    assert Status.model_validate_json(json.dumps(status))
    assert all(len(event["message"]) <= 1024 for event in build_events(resource_of(), {}, status, build_context().now))


def test_a_second_look_an_hour_later_says_the_same(build_context: Build) -> None:
    context = build_context()
    first = build_status(facts_of(context, resource_of()))
    later = replace(context, now=context.now + timedelta(hours=1))
    again = build_status(facts_of(later, resource_of(first)))
    assert again == first
    assert build_events(resource_of(first), first, again, context.now) == []


@pytest.mark.parametrize(("older", "state"), [(0, "Serving"), (1, "Updating")])
def test_a_pod_that_answers_counts_before_its_deployment_counts_it(
    older: int, state: str, build_context: Build
) -> None:
    context = build_context()
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    children = {
        (POD, "cups-1"): {"metadata": {"name": "cups-1"}, "spec": {"containers": []}, "status": ready},
        (DEPLOYMENT, context.name): {
            "metadata": {"generation": 1},
            "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1 + older, "availableReplicas": 0},
        },
    }
    assert build_status(facts_of(context, resource_of(), children))["state"] == state


def test_an_invalid_spec_keeps_what_is_known_and_counts_who_answers(build_context: Build) -> None:
    context = build_context()
    before = build_status(facts_of(context, resource_of()))
    resource = resource_of(before)
    resource["metadata"]["generation"] = 8
    for ready, state, condition in ((2, "Degraded", "True"), (0, "Failed", "False")):
        status = build_invalid_status(resource, ["spec.a: wrong"], ready, context.now)
        assert Status.model_validate_json(json.dumps(status))
        told = {each["type"]: each for each in status["conditions"]}
        assert (status["state"], status["readyInstances"], told["Ready"]["status"]) == (state, ready, condition)
        assert (told["Applied"]["reason"], told["Applied"]["message"]) == ("InvalidSpec", "spec.a: wrong")
        assert [each["type"] for each in status["conditions"]] == [each["type"] for each in before["conditions"]]
        assert status["images"] == before["images"]


def test_events_are_of_what_has_turned_alone(build_context: Build) -> None:
    context = build_context()
    status = build_status(facts_of(context, resource_of()))
    turned = {
        **status,
        "conditions": [
            each | ({"reason": "Other", "status": "False"} if each["type"] == "Ready" else {})
            for each in status["conditions"]
        ],
    }
    (event,) = build_events(resource_of(status), status, turned, context.now)
    assert (event["type"], event["reason"]) == ("Warning", "Other")
    assert event["message"].startswith("Ready: ")
    assert event["involvedObject"]["uid"] == "f00d"


def test_a_new_resource_has_events_of_ready_and_of_what_is_amiss(build_context: Build) -> None:
    refused = (Refused("Service", "cups", "NotOwned", "it belongs to Service b"),)
    status = build_status(facts_of(build_context(), resource_of(), refused=refused))
    events = build_events(resource_of(), {}, status, build_context().now)
    assert [event["message"].split(":")[0] for event in events] == ["Ready", "Applied"]
