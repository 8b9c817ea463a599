"""The conditions: one pure check each, in one table. What a check returns is what is true of the resource now.

Positive polarity throughout: True is as it should be, or as it was asked for. A condition that concerns nothing in the
spec is absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from modelport.api.execution import Metric
from modelport.schedule import next_transition, state_at
from modelport.schedule.clock import to_utc
from modelport_operator.desired.scaling import MEASURES, engine_of
from modelport_operator.resources import (
    AUTOSCALER,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    SCALED_OBJECT,
)
from modelport_operator.status.facts import Facts

Status = Literal["True", "False", "Unknown"]


class Finding(NamedTuple):
    """A condition without its times."""

    status: Status
    reason: str
    message: str


def is_ready(facts: Facts) -> Finding | None:
    """Whether the model answers now, by whatever version."""
    if facts.ready:
        return Finding("True", "Serving", f"{facts.ready} of {facts.wanted} instances answer")
    schedule = facts.context.model.spec.execution.schedule
    if schedule is not None and state_at(schedule, facts.context.now) == "Closed":
        return Finding("False", "StoppedBySchedule", f"the schedule keeps the model stopped{_until(facts)}")
    refused = _refused_deployment(facts)
    if refused is not None:
        return refused
    if facts.deployment is not None and facts.wanted == 0:
        return Finding("False", "NoInstances", "spec.execution.instances is 0")
    cause = facts.cause
    if cause is None:
        return Finding("False", "Starting", "the first instance is being made")
    return Finding("False", cause.reason, cause.message)


def is_progressing(facts: Facts) -> Finding | None:
    """Whether a change is on its way."""
    refused = _refused_deployment(facts)
    if refused is not None:
        return refused
    if facts.deployment is None:
        return Finding("True", "RollingOut", "the first instance is being made")
    if facts.rolled_out:
        return Finding("False", "Complete", "everything runs as the spec says")
    for condition in facts.deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "Progressing" and condition["status"] == "False":
            return Finding("False", condition.get("reason", "Stuck"), _why(facts, "the rollout goes no further"))
    return Finding("True", "RollingOut", _why(facts, "instances are being replaced"))


def is_model_loaded(facts: Facts) -> Finding | None:
    """Whether each instance has its model: False tells of the newest that has not, while elder ones may answer."""
    if not facts.pods:
        return Finding("Unknown", "NoInstances", "there is no instance")
    cause = facts.cause or facts.partial
    if cause is None:
        return Finding("True", "Loaded", "every instance has loaded the model")
    return Finding("False", cause.reason, cause.message)


def is_applied(facts: Facts) -> Finding | None:
    """Whether each child could be written, and the gateways have taken their settings."""
    if not facts.refused and facts.settings_cause is not None:
        return Finding("False", facts.settings_cause.reason, facts.settings_cause.message)
    if not facts.refused:
        return Finding("True", "Applied", "everything that the resource calls for is in place")
    first = facts.refused[0]
    more = f" (and {len(facts.refused) - 1} more)" if len(facts.refused) > 1 else ""
    return Finding("False", first.reason, f"{first.kind} {first.name}: {first.message}{more}")


def are_keys_ready(facts: Facts) -> Finding | None:
    """Whether each key of the spec opens the model."""
    if facts.keys.problem:
        return Finding("False", "KeyMissing", facts.keys.problem)
    if facts.keys.digests is None:
        return Finding("True", "Anonymous", "the model answers everybody")
    return Finding("True", "KeysReady", "every key of the spec works")


def is_routed(facts: Facts) -> Finding | None:
    """Whether the model has its address outside the cluster, where the spec asks for one."""
    access = facts.context.model.spec.access
    if access.ingress is None and access.gateway is None:
        return None
    if facts.context.host_taken:
        return Finding("False", "HostConflict", "an older PublishedModel claims the same host and path")
    if access.ingress is not None and not (access.ingress.host or facts.context.config.shared_host):
        return Finding("False", "NoHost", "spec.access.ingress.host is needed: this operator has no shared host")
    if access.gateway is not None and HTTP_ROUTE not in facts.context.optional:
        return Finding("False", "KindMissing", "spec.access.gateway needs the Gateway API, which is not installed")
    kind = INGRESS if access.ingress is not None else HTTP_ROUTE
    if (kind, facts.context.name) not in facts.children:
        return Finding("False", "NotApplied", f"the {kind.name} could not be written")
    return Finding("True", "Routed", f"the {kind.name} is in place")


def is_scheduled(facts: Facts) -> Finding | None:
    """Whether the schedule is in force, and what it says now."""
    schedule = facts.context.model.spec.execution.schedule
    if schedule is None:
        return None
    override = schedule.override
    if override is not None and override.until > facts.context.now:
        until = f"{to_utc(override.until):%Y-%m-%dT%H:%M:%SZ}"  # the windows may go on with the same
        return Finding("True", "Overridden", f"kept {override.state.lower()} by hand until {until}")
    state = state_at(schedule, facts.context.now)
    said = "runs" if state == "Open" else "is stopped"
    return Finding("True", state, f"the model {said}{_until(facts)}")


def is_scaling(facts: Facts) -> Finding | None:
    """Whether the autoscaler can do its work, where the spec asks for one."""
    autoscaling = facts.context.model.spec.execution.autoscaling
    if autoscaling is None:
        return None
    if autoscaling.engine == "KEDA" and SCALED_OBJECT not in facts.context.optional:
        return Finding("False", "KindMissing", "engine KEDA needs KEDA, which is not installed")
    # KEDA makes an autoscaler of its own, which bears our labels too, and tells there what it cannot read.
    engines = [each for (kind, _), each in facts.children.items() if kind in (AUTOSCALER, SCALED_OBJECT)]
    if not engines:
        return Finding("False", "NotApplied", "the autoscaler could not be written")
    told = [
        each
        for engine in engines
        for each in engine.get("status", {}).get("conditions", ())
        if each["type"] in ("ScalingActive", "AbleToScale", "Ready") and each["status"] != "Unknown"
    ]
    for condition in told:
        if condition["status"] == "False" and condition.get("reason") != "ScalingDisabled":
            needed = f"metric {autoscaling.metric} needs {_supplier(facts, autoscaling.metric)}"
            return Finding("False", condition.get("reason", "Failed"), f"{needed}: {condition.get('message', '')}")
    if all(each["type"] == "AbleToScale" for each in told):
        return Finding("Unknown", "NotTold", "the autoscaler has not looked at its metric yet")
    return Finding("True", "Active", f"the number of instances follows {autoscaling.metric}")


def is_sink_ready(facts: Facts) -> Finding | None:
    """Whether flagged pictures can be stored, where the spec says so: in the word of one gateway that answers."""
    evaluation = facts.context.model.spec.evaluation
    if evaluation is None or evaluation.sink is None:
        return None
    if facts.heard_pod is None:
        return Finding("Unknown", "NoInstances", "no instance answers that could tell")
    if facts.heard is None or facts.heard.sink is None:
        name = facts.heard_pod["metadata"]["name"]
        return Finding("Unknown", "NotTold", f"the gateway in Pod {name} does not tell the operator of its sink")
    if facts.sink_cause is not None:
        return Finding("False", facts.sink_cause.reason, facts.sink_cause.message)
    return Finding("True", "SinkReady", "no flagged picture waits for a sink that fails")


CONDITIONS: tuple[tuple[str, Callable[[Facts], Finding | None]], ...] = (
    ("Ready", is_ready),
    ("Progressing", is_progressing),
    ("ModelLoaded", is_model_loaded),
    ("Applied", is_applied),
    ("KeysReady", are_keys_ready),
    ("Routed", is_routed),
    ("Scheduled", is_scheduled),
    ("Scaling", is_scaling),
    ("SinkReady", is_sink_ready),
)
"""Every condition, in the order in which they are told."""


def _refused_deployment(facts: Facts) -> Finding | None:
    refused = next((each for each in facts.refused if each.kind == DEPLOYMENT.name), None)
    return None if refused is None else Finding("False", refused.reason, refused.message)


def _why(facts: Facts, otherwise: str) -> str:
    return facts.cause.message if facts.cause is not None else otherwise


def _supplier(facts: Facts, metric: Metric) -> str:
    """Return what a cluster must have for a metric to be read."""
    if metric == "CPU":
        return "metrics-server, and a request for cpu in spec.execution.resources"
    if engine_of(facts.context) is SCALED_OBJECT:
        return f"a Prometheus at {facts.context.config.prometheus_address} that scrapes the model"
    return f"a Prometheus adapter that offers {MEASURES[metric].name}"


def _until(facts: Facts) -> str:
    schedule = facts.context.model.spec.execution.schedule
    moment = next_transition(schedule, facts.context.now) if schedule is not None else None
    return f" until {moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else ""
