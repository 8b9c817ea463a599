"""The PodDisruptionBudget: a drain takes one instance at a time, and never waits for a broken one."""

from __future__ import annotations

from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import deployment_name, selector
from modelport_operator.resources import DISRUPTION_BUDGET, Manifest


def build_disruption_budget(context: Context) -> Manifest:
    """Return the budget. One may always go: with a single instance anything less would block every drain for ever."""
    return build_object(
        DISRUPTION_BUDGET,
        build_metadata(context, deployment_name(context.name), "gateway"),
        spec={
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": dict(selector(context.name))},
        },
    )
