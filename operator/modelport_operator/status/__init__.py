"""`status`: what was observed, in the words of the resource's own contract. Pure.

    Facts ──► CONDITIONS ──► state, conditions, addresses, counts

diagnosis.py    why a Pod does not answer
facts.py        one resource in one look
conditions.py   one check for each condition
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from modelport.schedule import next_transition, state_at
from modelport_operator.addresses import base_url, endpoints
from modelport_operator.desired.config_maps import config_digest
from modelport_operator.names import selector
from modelport_operator.resources import Manifest
from modelport_operator.status.conditions import CONDITIONS, Finding
from modelport_operator.status.facts import Facts
from modelport_operator.status.model import build_model_status

__all__ = ["Facts", "build_invalid_status", "build_status"]

STATES: Mapping[str, str] = {
    "StoppedBySchedule": "Stopped",
    "NoInstances": "Stopped",
    "Downloading": "Downloading",
    "WaitingForGPU": "WaitingForGPU",
    "Loading": "Loading",
    "Starting": "Pending",
    "Leftover": "Pending",
    "Unschedulable": "Pending",
    "SchedulerError": "Pending",
}
"""The state behind each reason for which a model does not answer; every other reason is Failed."""


LONGEST_MESSAGE = 4096
"""Characters of a condition's message: enough for any cause, and short enough to be read."""


def build_status(facts: Facts) -> Manifest:
    """Return the whole `status`; equal to the one before where nothing has changed."""
    context, now = facts.context, facts.context.now
    before = facts.resource.get("status", {})
    found = {name: finding for name, check in CONDITIONS if (finding := check(facts)) is not None}
    base = base_url(context.model, context.config, host_taken=context.host_taken)
    schedule = context.model.spec.execution.schedule
    status: Manifest = {
        "observedGeneration": facts.resource["metadata"].get("generation", 0),
        "state": _state(facts, found),
        "url": base,
        "endpoints": endpoints(context.model, base),
        "instances": len(facts.pods),
        "readyInstances": facts.ready,
        "instanceSummary": f"{facts.ready}/{facts.wanted}",
        "selector": ",".join(f"{name}={value}" for name, value in selector(context.name).items()),
        "gpu": _gpu(facts),
        "model": build_model_status(facts, config_digest(context.model)),
        "keys": _keys(facts),
        "images": {
            "runtime": context.runtime_image,
            "triton": context.triton_image,
            "config": config_digest(context.model),
        }
        | ({"upgrade": context.upgrade} if context.upgrade else {}),
        "conditions": _conditions(found, before, facts.resource, now),
    }
    status["apiSummary"] = ",".join(each["api"] for each in status["endpoints"])
    if schedule is not None:
        moment = next_transition(schedule, now)
        status["schedule"] = {"state": state_at(schedule, now)} | (
            {"nextTransition": moment.strftime("%Y-%m-%dT%H:%M:%SZ")} if moment is not None else {}
        )
    return {name: value for name, value in status.items() if value not in (None, "", {}, [])}


def build_invalid_status(resource: Manifest, problems: Iterable[str], ready: int, now: datetime) -> Manifest:
    """Return the status of a resource that breaks a rule; what runs goes on as it was, and `ready` Pods answer."""
    before = dict(resource.get("status", {}))
    finding = Finding("False", "InvalidSpec", "; ".join(problems))
    serves = Finding("True", "Serving", f"{ready} instances answer, by an earlier spec") if ready else finding
    told = {each["type"]: each for each in _conditions({"Ready": serves, "Applied": finding}, before, resource, now)}
    kept = {each["type"]: each for each in before.get("conditions", ())}
    return before | {
        "observedGeneration": resource["metadata"].get("generation", 0),
        "state": "Degraded" if ready else "Failed",
        "readyInstances": ready,
        "conditions": [*({"Ready": told["Ready"]} | kept | told).values()],
    }


def _state(facts: Facts, found: Mapping[str, Finding]) -> str:
    ready = found["Ready"]
    if ready.status == "True":
        if found["Progressing"].status == "True":
            return "Updating"
        causes = (facts.cause, facts.partial, facts.sink_cause, facts.settings_cause)
        troubled = any(cause is not None and cause.failed for cause in causes)
        return "Degraded" if troubled or facts.refused or facts.keys.problem else "Serving"
    if ready.reason in STATES:
        return STATES[ready.reason]
    return "Pending" if facts.cause is not None and not facts.cause.failed else "Failed"


def _conditions(
    found: Mapping[str, Finding], before: Mapping[str, Any], resource: Manifest, now: datetime
) -> list[Manifest]:
    """Return the conditions with their times: the time of a turn stays for as long as the status does."""
    known = {each["type"]: each for each in before.get("conditions", ())}
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "type": name,
            "status": finding.status,
            "observedGeneration": resource["metadata"].get("generation", 0),
            "lastTransitionTime": (
                known[name]["lastTransitionTime"]
                if name in known and known[name]["status"] == finding.status
                else moment
            ),
            "reason": finding.reason[:1024] or "Unknown",
            "message": finding.message[:LONGEST_MESSAGE],
        }
        for name, finding in found.items()
    ]


def _keys(facts: Facts) -> Sequence[Manifest]:
    if facts.keys.digests is None:
        return []
    told = []
    for key in facts.keys.digests.keys:
        if key.revoked is None:
            entry = {"name": key.name, "created": facts.keys.created.get(key.name)}
            entry["expires"] = None if key.expires is None else key.expires.strftime("%Y-%m-%dT%H:%M:%SZ")
            told.append({name: value for name, value in entry.items() if value is not None})
    return told


def _gpu(facts: Facts) -> str:
    execution = facts.context.model.spec.execution
    if execution.device != "GPU":
        return ""
    if execution.gpu is None:
        return "1"
    return f"{execution.gpu.count} {execution.gpu.product or execution.gpu.resource_name}"
