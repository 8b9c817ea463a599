"""The Deployment: the instances of a model. How many there are is not said here (`replicas.py`)."""

from __future__ import annotations

from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.desired.pod import build_pod_template
from modelport_operator.names import deployment_name, selector
from modelport_operator.resources import DEPLOYMENT, Manifest

PROGRESS_SECONDS = 3600
"""Without a step forward, after which a rollout counts as stuck: large models take their time."""

SURGE: Manifest = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
REPLACE: Manifest = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
"""A new instance first, or an old one's end first: where every GPU is taken, the former would wait for ever."""


def build_deployment(context: Context) -> Manifest:
    """Return the Deployment."""
    return build_object(
        DEPLOYMENT,
        build_metadata(context, deployment_name(context.name), "instance"),
        spec={
            "selector": {"matchLabels": dict(selector(context.name))},
            "strategy": _strategy(context),
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": PROGRESS_SECONDS,
            "template": build_pod_template(context),
        },
    )


def _strategy(context: Context) -> Manifest:
    execution = context.model.spec.execution
    automatic = SURGE if execution.device == "CPU" else REPLACE
    return {"Auto": automatic, "Surge": SURGE, "Replace": REPLACE}[execution.rollout.strategy]
