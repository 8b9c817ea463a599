"""Events of a resource: one for each condition that turned. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from modelport_operator.resources import EVENT, PUBLISHED_MODEL, Manifest
from modelport_operator.store import key_of

COMPONENT = "modelport-operator"


def build_events(
    resource: Manifest, before: Mapping[str, Any], after: Mapping[str, Any], now: datetime
) -> list[Manifest]:
    """Return an Event for each condition whose status or reason is another one than before.

    A condition that is told for the first time has not turned: of these, Ready has an Event, and what is amiss.
    """
    return [_build(resource, condition, now) for condition in _turned(before, after)]


def _turned(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    known = {each["type"]: (each["status"], each["reason"]) for each in before.get("conditions", ())}
    for condition in after.get("conditions", ()):
        was = known.get(condition["type"])
        if was is None and condition["type"] != "Ready" and not is_bad(condition):
            continue
        if was != (condition["status"], condition["reason"]):
            yield condition


def _build(resource: Manifest, condition: Mapping[str, Any], now: datetime) -> Manifest:
    namespace, name = key_of(resource)
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"generateName": f"{name}.", "namespace": namespace},
        "involvedObject": {
            "apiVersion": PUBLISHED_MODEL.api_version,
            "kind": PUBLISHED_MODEL.name,
            "name": name,
            "namespace": namespace,
            "uid": resource["metadata"]["uid"],
            "resourceVersion": resource["metadata"].get("resourceVersion", ""),
        },
        "reason": condition["reason"],
        "message": f"{condition['type']}: {condition['message']}"[:1024],
        "type": "Warning" if is_bad(condition) else "Normal",
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
    }


def is_bad(condition: Mapping[str, Any]) -> bool:
    """Tell whether a condition is one that somebody should look at."""
    return bool(condition["status"] == "False" and condition["reason"] not in CALM)


CALM = frozenset({"StoppedBySchedule", "NoInstances", "Complete", "Starting", "Loading", "Downloading", "Leftover"})
"""Reasons for which a condition is False and all is as it should be."""
