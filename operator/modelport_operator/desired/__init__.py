"""What a resource becomes: one pure builder for each child, in one table that says when there is one."""

from __future__ import annotations

from collections.abc import Callable

from modelport_operator.desired.autoscaler import build_autoscaler, has_autoscaler
from modelport_operator.desired.base import Context
from modelport_operator.desired.config_maps import build_config, build_live
from modelport_operator.desired.cron_jobs import build_cron_jobs
from modelport_operator.desired.deployment import build_deployment
from modelport_operator.desired.disruption_budget import build_disruption_budget
from modelport_operator.desired.http_route import build_http_route, has_http_route
from modelport_operator.desired.ingress import build_ingress, has_ingress
from modelport_operator.desired.key_digests import build_key_digests, has_keys
from modelport_operator.desired.network_policy import build_network_policy, has_network_policy
from modelport_operator.desired.scaled_object import build_scaled_object, has_scaled_object
from modelport_operator.desired.schedule import (
    build_plan,
    build_role,
    build_role_binding,
    build_service_account,
    has_schedule,
)
from modelport_operator.desired.service import build_service
from modelport_operator.desired.service_monitor import build_service_monitor, has_service_monitor
from modelport_operator.resources import Manifest

Builder = Callable[[Context], Manifest]
Condition = Callable[[Context], bool]


def always(context: Context) -> bool:
    """For every resource."""
    return True


BUILDERS: tuple[tuple[Builder, Condition], ...] = (
    (build_config, always),
    (build_live, always),
    (build_key_digests, has_keys),
    (build_service, always),
    (build_disruption_budget, always),
    (build_network_policy, has_network_policy),
    (build_deployment, always),
    (build_autoscaler, has_autoscaler),
    (build_scaled_object, has_scaled_object),
    (build_ingress, has_ingress),
    (build_http_route, has_http_route),
    (build_service_monitor, has_service_monitor),
    (build_service_account, has_schedule),
    (build_role, has_schedule),
    (build_role_binding, has_schedule),
    (build_plan, has_schedule),
)
"""Each child and when there is one, but for the CronJobs, of which a schedule has as many as it has lines."""


def build_children(context: Context) -> list[Manifest]:
    """Return every manifest that a resource calls for now."""
    return [build(context) for build, wanted in BUILDERS if wanted(context)] + build_cron_jobs(context)
