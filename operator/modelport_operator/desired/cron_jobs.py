"""The CronJobs of a schedule: one for each line of `modelport.schedule.cron_lines`.

What their Jobs do comes from the clock alone (`schedule_job.py`), so a line may fire late, twice or in vain.
"""

from __future__ import annotations

from collections import Counter

from modelport.schedule import CronLine, cron_lines
from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.desired.pod import POD_SECURITY, RESTRICTED, pull_secrets
from modelport_operator.names import COMPONENT, INSTANCE, NAME, cron_job_name, schedule_name
from modelport_operator.resources import CRON_JOB, Manifest

LATE_SECONDS = 24 * 3600
"""How late a line may still fire when the cluster's controllers were down: late is better than never."""
DEADLINE_SECONDS = 300
"""Of a Job with all its Pods; more than `schedule_job.PATIENCE_SECONDS`."""
KEPT_SECONDS = 3600
"""How long an ended Job stays to be looked at."""
RETRIES = 2
"""Pods after the first one that failed. The command itself tries again where that may help."""
RESOURCES: Manifest = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}


def build_cron_jobs(context: Context) -> list[Manifest]:
    """Return the CronJobs NAME-start-N and NAME-stop-N; none without a schedule.

    The line of a date, or of an override's end, is gone once that has passed.
    """
    schedule = context.model.spec.execution.schedule
    if schedule is None:
        return []
    numbers: Counter[str] = Counter()
    built = []
    for line in cron_lines(schedule, context.now):
        name = cron_job_name(context.name, line.kind, numbers[line.kind])
        built.append(_build(context, name, line, schedule.time_zone))
        numbers[line.kind] += 1
    return built


def _build(context: Context, name: str, line: CronLine, time_zone: str) -> Manifest:
    return build_object(
        CRON_JOB,
        build_metadata(context, name, "schedule"),
        spec={
            "schedule": line.expression,
            "timeZone": time_zone,
            "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": LATE_SECONDS,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "metadata": {"labels": _labels(context)},
                "spec": {
                    "ttlSecondsAfterFinished": KEPT_SECONDS,
                    "activeDeadlineSeconds": DEADLINE_SECONDS,
                    "backoffLimit": RETRIES,
                    "template": _build_pod_template(context),
                },
            },
        },
    )


def _build_pod_template(context: Context) -> Manifest:
    pod = context.model.spec.execution.pod
    spec: Manifest = {
        "restartPolicy": "Never",
        "containers": [_build_container(context)],
        "securityContext": POD_SECURITY,
        "serviceAccountName": schedule_name(context.name),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        # Only what lets a Pod onto the cluster's nodes: the model's own need of a node is not theirs.
        "tolerations": [each.to_manifest() for each in pod.tolerations],
        "imagePullSecrets": pull_secrets(context),
    }
    return {
        "metadata": {"labels": _labels(context)},
        "spec": {name: value for name, value in spec.items() if value != []},
    }


def _build_container(context: Context) -> Manifest:
    return {
        "name": "schedule",
        # The operator's own, whatever image the model's Pods are pinned to: no Pod of the model is rolled by it.
        "image": context.config.runtime_image,
        "imagePullPolicy": context.config.image_pull_policy,
        "command": ["python", "-m", "modelport_operator.schedule_job"],
        "args": [f"--namespace={context.namespace}", f"--name={context.name}"],
        "resources": RESOURCES,
        "securityContext": RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _labels(context: Context) -> dict[str, str]:
    """Return the labels of Jobs and their Pods, which no selector of the model's Pods matches.

    They also lack `names.OURS`, so that the operator does not take them for the model's Pods.
    """
    return {NAME: "modelport-schedule", INSTANCE: context.name, COMPONENT: "schedule"}
