"""The children of a schedule, as whole manifests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelport_operator import schedule_job
from modelport_operator.desired import BUILDERS, build_children
from modelport_operator.desired.base import Context
from modelport_operator.desired.cron_jobs import DEADLINE_SECONDS, build_cron_jobs
from modelport_operator.desired.schedule import (
    build_plan,
    build_role,
    build_role_binding,
    build_service_account,
    has_schedule,
)
from modelport_operator.names import OURS, selector

BuildContext = Callable[..., Context]
Object = dict[str, Any]

LABELS = {
    "app.kubernetes.io/name": "modelport-model",
    "app.kubernetes.io/instance": "cups",
    "app.kubernetes.io/component": "schedule",
    "app.kubernetes.io/managed-by": "modelport",
}
OWNER = {
    "apiVersion": "modelport.io/v1alpha1",
    "kind": "PublishedModel",
    "name": "cups",
    "uid": "f00d",
    "controller": True,
    "blockOwnerDeletion": True,
}
JOB_LABELS = {
    "app.kubernetes.io/name": "modelport-schedule",
    "app.kubernetes.io/instance": "cups",
    "app.kubernetes.io/component": "schedule",
}
OFFICE = {"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "start": "07:30", "end": "19:00"}


def scheduled(*windows: Object, **schedule: Any) -> Object:
    return {"execution": {"schedule": {"windows": list(windows or (OFFICE,)), **schedule}}}


def child(api_version: str, kind: str, name: str, **parts: Any) -> Object:
    metadata = {"name": name, "namespace": "vision", "labels": LABELS, "ownerReferences": [OWNER]}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


POD = {
    "restartPolicy": "Never",
    "containers": [
        {
            "name": "schedule",
            "image": "example.com/modelport:1",
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", "-m", "modelport_operator.schedule_job"],
            "args": ["--namespace=vision", "--name=cups"],
            "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
    ],
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "serviceAccountName": "cups-schedule",
    "automountServiceAccountToken": True,
    "enableServiceLinks": False,
}


def cron_job(name: str, expression: str, time_zone: str) -> Object:
    return child(
        "batch/v1",
        "CronJob",
        name,
        spec={
            "schedule": expression,
            "timeZone": time_zone,
            "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": 86400,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "metadata": {"labels": JOB_LABELS},
                "spec": {
                    "ttlSecondsAfterFinished": 3600,
                    "activeDeadlineSeconds": 300,
                    "backoffLimit": 2,
                    "template": {"metadata": {"labels": JOB_LABELS}, "spec": POD},
                },
            },
        },
    )


def test_a_window_becomes_a_line_for_its_start_and_one_for_its_end(build_context: BuildContext) -> None:
    assert build_cron_jobs(build_context(scheduled(timeZone="Asia/Tokyo"))) == [
        cron_job("cups-start-0", "30 7 * * 1-5", "Asia/Tokyo"),
        cron_job("cups-stop-0", "0 19 * * 1-5", "Asia/Tokyo"),
    ]


LINES: dict[str, tuple[Object, dict[str, str]]] = {
    "UTC is the clock unless another one is named": (
        scheduled({"start": "00:00", "end": "09:00"}),
        {"cups-start-0": "0 0 * * *", "cups-stop-0": "0 9 * * *"},
    ),
    "several windows a day have their lines each": (
        scheduled({"start": "06:00", "end": "09:00"}, {"start": "22:00", "end": "02:30"}),
        {"cups-start-0": "0 6,22 * * *", "cups-stop-0": "0 9 * * *", "cups-stop-1": "30 2 * * *"},
    ),
    "a start that spring skips has one more line at the end of the gap": (
        scheduled({"days": ["Sun"], "start": "02:30", "end": "20:00"}, timeZone="Europe/Berlin"),
        {"cups-start-0": "0 3 * * 0", "cups-start-1": "30 2 * * 0", "cups-stop-0": "0 20 * * 0"},
    ),
    "the windows of a date have lines of their own": (
        scheduled(exceptions=[{"date": "2026-12-31", "windows": [{"start": "08:00", "end": "12:00"}]}]),
        {
            "cups-start-0": "0 8 31 12 *",
            "cups-start-1": "30 7 * * 1-5",
            "cups-stop-0": "0 12 31 12 *",
            "cups-stop-1": "0 19 * * 1-5",
        },
    ),
    "the end of an override has a line for its minute, rounded up": (
        scheduled(override={"until": "2026-11-22T13:59:30Z", "state": "Running"}),
        {"cups-start-0": "30 7 * * 1-5", "cups-stop-0": "0 14 22 11 *", "cups-stop-1": "0 19 * * 1-5"},
    ),
    "the line of an override is gone once it has passed": (
        scheduled(override={"until": "2026-11-22T12:00:00Z", "state": "Running"}),
        {"cups-start-0": "30 7 * * 1-5", "cups-stop-0": "0 19 * * 1-5"},
    ),
    "no schedule, no CronJob": ({}, {}),
}


@pytest.mark.parametrize(("spec", "lines"), LINES.values(), ids=LINES.keys())
def test_the_lines_of_a_schedule(build_context: BuildContext, spec: Object, lines: dict[str, str]) -> None:
    built = build_cron_jobs(build_context(spec))
    assert {each["metadata"]["name"]: each["spec"]["schedule"] for each in built} == lines


def test_the_same_lines_are_built_at_any_later_time(build_context: BuildContext) -> None:
    context = build_context(scheduled(timeZone="America/Santiago"))
    later = replace(context, now=datetime(2027, 6, 5, 4, 3, 2, tzinfo=UTC))
    assert build_cron_jobs(later) == build_cron_jobs(context)


def test_a_name_of_the_greatest_length_fits_a_cron_job(build_context: BuildContext) -> None:
    windows = [{"start": f"{hour:02}:{hour}", "end": f"{hour:02}:{hour + 30}"} for hour in range(10, 24)]
    built = build_cron_jobs(build_context(scheduled(*windows), {"name": "m" * 40}))
    assert len(built) == 28
    assert max(len(each["metadata"]["name"]) for each in built) <= 52


def test_what_a_job_pod_takes_over_from_the_resource_and_the_operator(build_context: BuildContext) -> None:
    spec = scheduled()
    spec["execution"]["pod"] = {
        "labels": {"team": "sales"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "tenant", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "own"}],
        "serviceAccountName": "cloud",
    }
    context = build_context(
        spec, image_pull_secrets=("ours",), image_pull_policy="Always", triton_image="example.com/t"
    )
    pinned = replace(context, runtime_image="example.com/modelport:0")
    template = build_cron_jobs(pinned)[0]["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = POD["containers"]
    assert template["metadata"] == {"labels": JOB_LABELS}
    assert template["spec"] == POD | {
        "containers": [container | {"imagePullPolicy": "Always"}],
        "tolerations": [{"key": "tenant", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "ours"}, {"name": "own"}],
    }


def test_nothing_that_selects_the_models_pods_selects_a_jobs_pod() -> None:
    key, value = OURS.split("=")
    assert not selector("cups").items() <= JOB_LABELS.items()
    assert JOB_LABELS.get(key) != value


def test_what_the_jobs_work_with(build_context: BuildContext) -> None:
    context = build_context(scheduled(override={"until": "2026-11-22T22:00:00Z", "state": "Running"}))
    assert build_service_account(context) == child(
        "v1", "ServiceAccount", "cups-schedule", automountServiceAccountToken=False
    )
    assert build_role(context) == child(
        "rbac.authorization.k8s.io/v1",
        "Role",
        "cups-schedule",
        rules=[
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cups-schedule"], "verbs": ["get"]},
            {
                "apiGroups": ["apps"],
                "resources": ["deployments/scale"],
                "resourceNames": ["cups"],
                "verbs": ["get", "patch"],
            },
        ],
    )
    assert build_role_binding(context) == child(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "cups-schedule",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "cups-schedule"},
        subjects=[{"kind": "ServiceAccount", "name": "cups-schedule", "namespace": "vision"}],
    )
    plan = build_plan(context)
    content = json.loads(plan["data"].pop("schedule.json"))
    assert plan == child("v1", "ConfigMap", "cups-schedule", data={})
    assert content == {
        "schedule": {
            "timeZone": "Etc/UTC",
            "windows": [OFFICE],
            "override": {"until": "2026-11-22T22:00:00Z", "state": "Running"},
        },
        "instances": 1,
    }


def test_the_children_of_a_schedule_are_there_with_it_and_otherwise_not(build_context: BuildContext) -> None:
    ours = {build_service_account, build_role, build_role_binding, build_plan}
    assert {build for build, wanted in BUILDERS if wanted is has_schedule} == ours
    names = [each["metadata"]["name"] for each in build_children(build_context(scheduled()))]
    assert names.count("cups-schedule") == 4
    assert {"cups-start-0", "cups-stop-0"} < set(names)
    without = [each["metadata"]["name"] for each in build_children(build_context())]
    assert not [name for name in without if "schedule" in name or "-st" in name]
    with pytest.raises(ValueError, match="no plan"):
        build_plan(build_context())


def test_a_jobs_deadline_leaves_room_for_its_patience() -> None:
    assert DEADLINE_SECONDS >= schedule_job.PATIENCE_SECONDS + 60
