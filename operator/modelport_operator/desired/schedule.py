"""What a schedule's Jobs work with: the ConfigMap they read, and a service account that may do nothing but their work.

All have the name NAME-schedule. The Jobs read the ConfigMap through the API and not from a volume, so that one that
waits for its node or its image still does what the schedule says by then.
"""

from __future__ import annotations

from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import deployment_name, schedule_name
from modelport_operator.resources import CONFIG_MAP, DEPLOYMENT, ROLE, ROLE_BINDING, SERVICE_ACCOUNT, Manifest
from modelport_operator.schedule_plan import PLAN_FILE, SchedulePlan


def has_schedule(context: Context) -> bool:
    """For every resource with a schedule."""
    return context.model.spec.execution.schedule is not None


def build_plan(context: Context) -> Manifest:
    """Return the ConfigMap with the plan. No Pod of the Deployment refers to it, so a change of it rolls nothing."""
    plan = SchedulePlan.of(context.model.spec.execution)
    if plan is None:
        raise ValueError("a model without a schedule has no plan")
    return build_object(CONFIG_MAP, _metadata(context), data={PLAN_FILE: plan.dump_json()})


def build_service_account(context: Context) -> Manifest:
    """Return the Jobs' service account. Its token is mounted where a Pod asks for it, as theirs do."""
    return build_object(SERVICE_ACCOUNT, _metadata(context), automountServiceAccountToken=False)


def build_role(context: Context) -> Manifest:
    """Return what the Jobs may do: read their plan, and scale the one Deployment."""
    return build_object(
        ROLE,
        _metadata(context),
        rules=[
            {
                "apiGroups": [CONFIG_MAP.group],
                "resources": [CONFIG_MAP.plural],
                "resourceNames": [schedule_name(context.name)],
                "verbs": ["get"],
            },
            {
                "apiGroups": [DEPLOYMENT.group],
                "resources": [f"{DEPLOYMENT.plural}/scale"],
                "resourceNames": [deployment_name(context.name)],
                "verbs": ["get", "patch"],
            },
        ],
    )


def build_role_binding(context: Context) -> Manifest:
    """Return the binding of the role to the service account."""
    name = schedule_name(context.name)
    return build_object(
        ROLE_BINDING,
        _metadata(context),
        roleRef={"apiGroup": ROLE.group, "kind": ROLE.name, "name": name},
        subjects=[{"kind": SERVICE_ACCOUNT.name, "name": name, "namespace": context.namespace}],
    )


def _metadata(context: Context) -> Manifest:
    return build_metadata(context, schedule_name(context.name), "schedule")
