"""Schedules on a real API server: what the operator makes of them, and how they are kept while it is down."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.cluster import Cluster
from kubernetes import client
from running_operator import RunningOperator, operator_config, run_operator

from modelport_operator.store import Key

Kubectl = Callable[..., str]
Object = dict[str, Any]

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OF_SCHEDULE = ("-l", "app.kubernetes.io/component=schedule")


def window(start: datetime, end: datetime) -> Object:
    return {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}


def scheduled(model: Object, *windows: Object, **execution: Any) -> Object:
    return {**model, "spec": {**model["spec"], "execution": {"schedule": {"windows": list(windows)}, **execution}}}


@pytest.fixture
def on(kubectl: Kubectl, namespace: str) -> Callable[..., str]:
    """Give kubectl in the test's namespace."""
    return lambda *arguments, **options: kubectl("-n", namespace, *arguments, **options)


@pytest.fixture
def left(cluster: Cluster, crd: str, namespace: str, on: Kubectl, smallest: Object) -> datetime:
    """Give the moment at which a closed model's window opens, in 40 to 100 seconds; its operator is down."""
    on("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    opens = (datetime.now(UTC) + 2 * MINUTE / 3).replace(second=0, microsecond=0) + MINUTE
    with run_operator(cluster, operator_config(namespace)):
        on("apply", "-f", "-", stdin=json.dumps(scheduled(smallest, window(opens, opens + HOUR), instances=2)))
        on("wait", "--for=create", "cronjob/cups-stop-0", "--timeout=20s")
        on("wait", "--for=jsonpath={.status.state}=Stopped", "pm/cups", "--timeout=20s")
    return opens


def replicas(on: Kubectl) -> int:
    return int(on("get", "deployment", "cups", "-o", "jsonpath={.spec.replicas}"))


@pytest.fixture
def run_command(cluster: Cluster, namespace: str, on: Kubectl, tmp_path: Path) -> Callable[[], str]:
    """Give a function that runs what the Job's container runs, with the Job's own token, and returns its last line."""

    def run() -> str:
        job = json.loads(on("get", "cronjob", "cups-start-0", "-o", "json"))["spec"]["jobTemplate"]
        pod = job["spec"]["template"]["spec"]
        login = yaml.safe_load(cluster.kubeconfig.read_text())
        login["users"][0]["user"] = {"token": on("create", "token", pod["serviceAccountName"]).strip()}
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(login))
        command = [*pod["containers"][0]["command"], *pod["containers"][0]["args"]]
        assert command.pop(0) == "python"
        env = {"KUBECONFIG": str(kubeconfig)}
        done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        return done.stderr.splitlines()[-1]

    return run


@pytest.mark.timeout(240, func_only=True)
def test_a_window_opens_while_the_operator_is_down(left: datetime, on: Kubectl, run_command: Callable[[], str]) -> None:
    assert replicas(on) == 0
    time.sleep((left - datetime.now(UTC)).total_seconds())
    on("wait", "--for=create", "job", *OF_SCHEDULE, "--timeout=30s")
    on("wait", "--for=condition=Complete", "job", *OF_SCHEDULE, "--timeout=20s")
    assert "cups was scaled from 0 to 2" in run_command()
    assert replicas(on) == 2
    assert "cups is as its schedule wants, with replicas: 2" in run_command()
    on("scale", "deployment/cups", "--replicas=5")
    assert "cups is as its schedule wants, with replicas: 5" in run_command(), "an autoscaler's number is left alone"
    on("delete", "deployment/cups")
    assert "nothing to do" in run_command()


def test_a_schedule_opens_and_closes(operator: RunningOperator, on: Kubectl, namespace: str, smallest: Object) -> None:
    model, now = Key(namespace, "cups"), datetime.now(UTC)
    on("apply", "-f", "-", stdin=json.dumps(scheduled(smallest, window(now - HOUR, now + HOUR))))
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    assert replicas(on) == 1

    operator.advance(model, hours=2)
    on("wait", "--for=jsonpath={.status.state}=Stopped", "pm/cups", "--timeout=20s")
    assert replicas(on) == 0
    opens = (now + 23 * HOUR).replace(second=0, microsecond=0)
    status = json.loads(on("get", "pm", "cups", "-o", "json"))["status"]
    (ready,) = (each for each in status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "StoppedBySchedule")
    assert ready["message"] == f"the schedule keeps the model stopped until {opens:%Y-%m-%dT%H:%M:%SZ}"
    assert status["schedule"] == {"state": "Closed", "nextTransition": f"{opens:%Y-%m-%dT%H:%M:%SZ}"}
    assert "StoppedBySchedule" in on("get", "events", "--field-selector=involvedObject.name=cups,type=Normal")

    on("scale", "deployment/cups", "--replicas=3")
    on("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/cups", "--timeout=20s")

    operator.advance(model, hours=22)
    on("wait", "--for=jsonpath={.status.schedule.state}=Open", "pm/cups", "--timeout=20s")
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    assert replicas(on) == 1


def test_the_line_of_an_override_goes_when_it_has_passed(
    operator: RunningOperator, on: Kubectl, namespace: str, smallest: Object
) -> None:
    now = datetime.now(UTC)
    until = now + 2 * HOUR
    resource = scheduled(smallest, window(now - 2 * HOUR, now - HOUR))
    schedule = resource["spec"]["execution"]["schedule"]
    schedule["override"] = {"until": until.isoformat(timespec="seconds").replace("+00:00", "Z"), "state": "Running"}
    on("apply", "-f", "-", stdin=json.dumps(resource))
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    path = "jsonpath={.status.conditions[?(@.type=='Scheduled')].message}"
    assert on("get", "pm", "cups", "-o", path) == f"kept running by hand until {until:%Y-%m-%dT%H:%M:%SZ}"
    ends = (until.replace(microsecond=0) + 59 * timedelta(seconds=1)).replace(second=0)
    lines = on("get", "cronjobs", "-o", "jsonpath={.items[*].spec.schedule}")
    assert f"{ends.minute} {ends.hour} {ends.day} {ends.month} *" in lines

    operator.advance(Key(namespace, "cups"), hours=3)
    on("wait", "--for=jsonpath={.spec.replicas}=0", "deployment/cups", "--timeout=20s")
    on("wait", "--for=delete", "cronjob/cups-stop-1", "--timeout=20s")
    assert on("get", "cronjobs", "-o", "name").split() == ["cronjob.batch/cups-start-0", "cronjob.batch/cups-stop-0"]


def test_a_schedule_that_is_taken_back_leaves_nothing(
    operator: RunningOperator, on: Kubectl, namespace: str, smallest: Object
) -> None:
    now = datetime.now(UTC)
    on("apply", "-f", "-", stdin=json.dumps(scheduled(smallest, window(now - 2 * HOUR, now - HOUR))))
    on("wait", "--for=jsonpath={.status.state}=Stopped", "pm/cups", "--timeout=20s")
    on("apply", "-f", "-", stdin=json.dumps(smallest))
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    for child in ("cronjob/cups-start-0", "cronjob/cups-stop-0", "cm/cups-schedule", "sa/cups-schedule"):
        on("wait", "--for=delete", child, "--timeout=20s")
    on("wait", "--for=delete", "role/cups-schedule", "rolebinding/cups-schedule", "--timeout=20s")


MAY: dict[str, tuple[bool, Object]] = {
    "read the scale of its own Deployment": (True, {"verb": "get", "what": "apps/deployments/scale", "name": "cups"}),
    "set it": (True, {"verb": "patch", "what": "apps/deployments/scale", "name": "cups"}),
    "read its plan": (True, {"verb": "get", "what": "/configmaps/", "name": "cups-schedule"}),
    "scale another Deployment": (False, {"verb": "patch", "what": "apps/deployments/scale", "name": "plates"}),
    "change its own Deployment otherwise": (False, {"verb": "patch", "what": "apps/deployments/", "name": "cups"}),
    "read its own Deployment": (False, {"verb": "get", "what": "apps/deployments/", "name": "cups"}),
    "read another ConfigMap": (False, {"verb": "get", "what": "/configmaps/", "name": "cups-live"}),
    "change its plan": (False, {"verb": "patch", "what": "/configmaps/", "name": "cups-schedule"}),
    "list ConfigMaps": (False, {"verb": "list", "what": "/configmaps/"}),
    "read Secrets": (False, {"verb": "get", "what": "/secrets/", "name": "cups-keys"}),
    "read its resource": (False, {"verb": "get", "what": "modelport.io/publishedmodels/", "name": "cups"}),
    "make Pods": (False, {"verb": "create", "what": "/pods/"}),
    "give itself more": (False, {"verb": "patch", "what": "rbac.authorization.k8s.io/roles/", "name": "cups-schedule"}),
}


def test_the_jobs_account_may_do_its_work_and_nothing_else(
    operator: RunningOperator, api: client.ApiClient, on: Kubectl, namespace: str, smallest: Object
) -> None:
    on("apply", "-f", "-", stdin=json.dumps(scheduled(smallest, {"start": "00:00", "end": "24:00"})))
    on("wait", "--for=create", "rolebinding/cups-schedule", "--timeout=20s")
    found = {}
    for sentence, (_, asked) in MAY.items():
        group, resource, subresource = asked["what"].split("/")
        attributes = {"namespace": namespace, "verb": asked["verb"], "name": asked.get("name"), "group": group}
        attributes |= {"resource": resource, "subresource": subresource}
        spec = {"user": f"system:serviceaccount:{namespace}:cups-schedule", "resourceAttributes": attributes}
        review = client.AuthorizationV1Api(api).create_subject_access_review({"spec": spec})
        found[sentence] = review.status.allowed
    assert found == {sentence: allowed for sentence, (allowed, _) in MAY.items()}
