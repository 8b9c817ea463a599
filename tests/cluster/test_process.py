"""The operator as a process: it works, is elected, hands over, and ends when it should."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from control_plane.cluster import Cluster, describe
from operator_process import OperatorProcess, log_in, start_operator, wait_until

from modelport_operator.process import LEASE_LOST
from modelport_operator.rbac import build_namespaced, write
from modelport_operator.work_queue import SPACING

Kubectl = Callable[..., str]
Object = dict[str, Any]
Start = Callable[..., OperatorProcess]
LEASE_SECONDS = 3
LONG_LEASE_SECONDS = 30
"""Of a Lease that is not lost because a machine is busy."""
LONG_LEASE = f"--lease-seconds={LONG_LEASE_SECONDS}"


@pytest.fixture
def on(kubectl: Kubectl, namespace: str) -> Kubectl:
    """Give kubectl in the test's namespace."""
    return lambda *arguments, **options: kubectl("-n", namespace, *arguments, **options)


@pytest.fixture
def start(cluster: Cluster, crd: str, namespace: str) -> Iterator[Start]:
    """Give a function that starts an operator for the test's namespace; a login may be named."""
    with ExitStack() as stack:

        def begin(name: str, *flags: str, login: Path | None = None, working: bool = True) -> OperatorProcess:
            log = cluster.folder / f"{namespace}-{name}.log"
            own = (f"--namespaces={namespace}", f"--own-namespace={namespace}", f"--lease-seconds={LEASE_SECONDS}")
            kubeconfig = login or cluster.folder / "operator.kubeconfig"
            return stack.enter_context(start_operator(kubeconfig, log, *own, *flags, working=working))

        yield begin


@pytest.fixture
def account(cluster: Cluster, namespace: str, on: Kubectl) -> Path:
    """Give a login of a service account with the operator's rights, whose writes are counted apart."""
    on("apply", "-f", "-", stdin=write(build_namespaced(namespace, [namespace])))
    return log_in(cluster, namespace, "modelport-operator")


def publish(on: Kubectl, model: Object, instances: int = 1) -> None:
    spec = {**model["spec"], "execution": {"instances": instances}}
    on("apply", "-f", "-", stdin=json.dumps({**model, "spec": spec}))


def replicas(on: Kubectl) -> str:
    return on("get", "deployments", "-o", "jsonpath={.items[*].spec.replicas}")


def holder(on: Kubectl) -> str:
    return on("get", "lease", "modelport-operator", "-o", "jsonpath={.spec.holderIdentity}")


def written_without_the_lease(cluster: Cluster, namespace: str, *users: str) -> list[str]:
    """Return what operators wrote while another one, or nobody, had the Lease; each of them has a login of its own.

    That somebody else has it in the end is lawful: on a busy machine a holder may come too late with its renewal.
    """
    leases, found = [("", "")], []
    events = cluster.audit(namespace)
    for event in events:
        if event["objectRef"]["resource"] == "leases" and event["responseStatus"]["code"] < 300:
            holds = event["requestObject"]["spec"]["holderIdentity"]
            leases.append((event["stageTimestamp"], event["user"]["username"] if holds else ""))
    assert {user for _, user in leases} <= {"", *users}
    for event in events:
        user, began = event["user"]["username"], event["requestReceivedTimestamp"]
        if user in users and event["objectRef"]["resource"] != "leases":
            holder = max(each for each in leases if each[0] <= began)[1]
            if holder != user:
                found.append(f"{began} {user}: {event['verb']} {describe(event['objectRef'])}, held by {holder!r}")
    return found


def test_it_works_tells_little_and_ends_in_order(start: Start, on: Kubectl, smallest: Object) -> None:
    operator = start("only")
    publish(on, smallest)
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    assert operator.ask("/healthz") == (200, "working")
    status, metrics = operator.ask("/metrics")
    assert status == 200
    assert "modelport_operator_leader 1.0" in metrics
    assert 'modelport_operator_reconciles_total{result="done"}' in metrics
    assert 'result="failed"' not in metrics

    began = time.monotonic()
    operator.server.process.send_signal(signal.SIGTERM)
    assert operator.wait_for_end() == 0
    assert time.monotonic() - began < 3
    assert holder(on) == ""
    assert [line["message"] for line in operator.lines if line["level"] != "info"] == []
    assert len(operator.lines) == 3, "the start, the Lease, the end"


def test_one_works_and_the_next_one_is_ready(
    start: Start, cluster: Cluster, namespace: str, account: Path, on: Kubectl, smallest: Object
) -> None:
    users = ("operator", f"system:serviceaccount:{namespace}:modelport-operator")
    first = start("first", LONG_LEASE, login=account)
    second = start("second", LONG_LEASE, working=False)
    second.wait_until(lambda: second.ask("/readyz") == (200, "waiting for the Lease"))
    assert "modelport_operator_leader 0.0" in second.ask("/metrics")[1]
    publish(on, smallest)
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    assert cluster.writes(users[1], namespace)

    first.server.process.send_signal(signal.SIGTERM)
    assert first.wait_for_end() == 0
    second.wait_until(lambda: second.ask("/readyz") == (200, "working"), LONG_LEASE_SECONDS / 2)
    publish(on, smallest, instances=2)
    wait_until(lambda: replicas(on) == "2")
    assert cluster.writes(users[0], namespace)
    assert written_without_the_lease(cluster, namespace, *users) == []


def test_one_that_is_killed_is_followed(start: Start, on: Kubectl, smallest: Object) -> None:
    first = start("first")
    second = start("second", working=False)
    publish(on, smallest)
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    first.server.process.kill()
    publish(on, smallest, instances=2)
    assert wait_until(lambda: replicas(on) == "2") < LEASE_SECONDS + 4
    assert second.said("held by")


def rests(cluster: Cluster, user: str, namespace: str) -> bool:
    """Tell whether somebody writes nothing but a Lease for longer than a resource waits for its next turn."""

    def work() -> list[str]:
        return [write for write in cluster.writes(user, namespace) if "leases" not in write]

    before = work()
    time.sleep(3 * SPACING)
    return work() == before


def test_one_that_was_suspended_writes_nothing_when_it_goes_on(
    start: Start, cluster: Cluster, namespace: str, account: Path, on: Kubectl, smallest: Object
) -> None:
    first = start("first", login=account)
    second = start("second", working=False)
    publish(on, smallest)
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    user = f"system:serviceaccount:{namespace}:modelport-operator"
    wait_until(lambda: rests(cluster, user, namespace))  # a call that is on its way would be carried out all the same

    os.kill(first.pid, signal.SIGSTOP)
    second.wait_until(lambda: second.ask("/readyz") == (200, "working"))
    publish(on, smallest, instances=2)  # what the first one is told of as soon as it goes on
    wait_until(lambda: replicas(on) == "2")
    written = cluster.writes(user, namespace)
    assert any("deployments" in write for write in written)
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait_for_end(5) == LEASE_LOST
    assert cluster.writes(user, namespace) == written
    assert first.said("the Lease is lost")
    assert written_without_the_lease(cluster, namespace, "operator", user) == []


def test_one_without_rights_says_so_once_and_waits(start: Start, cluster: Cluster, namespace: str, on: Kubectl) -> None:
    on("create", "serviceaccount", "nobody")
    operator = start("nobody", "--no-leader-election", login=log_in(cluster, namespace, "nobody"), working=False)
    operator.wait_until(lambda: operator.said("cannot be read yet: .*serviceaccounts is forbidden"))
    assert operator.ask("/readyz")[0] == 503
    on("apply", "-f", "-", stdin=write(build_namespaced(namespace, [namespace])))
    on(
        "patch",
        "rolebinding/modelport-operator",
        "--type=json",
        "-p",
        json.dumps([{"op": "replace", "path": "/subjects/0/name", "value": "nobody"}]),
    )
    operator.wait_until(lambda: operator.ask("/readyz") == (200, "working"))
    assert len([line for line in operator.lines if line["level"] == "warning"]) == 1


MONITORS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, plural: servicemonitors, singular: servicemonitor}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def test_a_kind_that_comes_later_is_used_and_watched_until_it_goes(start: Start, on: Kubectl, smallest: Object) -> None:
    operator = start("only", "--resync-seconds=1")
    publish(on, smallest)
    on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    on("apply", "-f", "-", stdin=MONITORS)
    try:
        on("wait", "--for=create", "servicemonitor/cups", "--timeout=20s")
        operator.wait_until(lambda: operator.ask("/readyz") == (200, "working"))
        on("delete", "servicemonitor/cups")
        on("wait", "--for=create", "servicemonitor/cups", "--timeout=20s")
    finally:
        on("delete", "crd", "servicemonitors.monitoring.coreos.com")
    publish(on, smallest, instances=2)
    wait_until(lambda: replicas(on) == "2")
    operator.wait_until(lambda: operator.ask("/readyz") == (200, "working"))
    assert [line for line in operator.lines if line["level"] == "error"] == []


def test_kopf_can_run_it(cluster: Cluster, crd: str, namespace: str, on: Kubectl, smallest: Object) -> None:
    environment = {
        "KUBECONFIG": str(cluster.folder / "operator.kubeconfig"),
        "MODELPORT_OPERATOR_RUNTIME_IMAGE": "example.com/modelport:1",
        "MODELPORT_OPERATOR_TRITON_IMAGE": "example.com/triton:1",
        "MODELPORT_OPERATOR_NAMESPACES": namespace,
    }
    command = [sys.executable, "-m", "kopf", "run", "-n", namespace, "-m", "modelport_operator.kopf_main"]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True)
    try:
        publish(on, smallest)
        on("wait", "--for=condition=Ready", "pm/cups", "--timeout=20s")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said
