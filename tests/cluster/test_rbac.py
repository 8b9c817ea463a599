"""The operator with exactly the rights of its roles: they suffice for a resource's whole life, and give no more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from control_plane.cluster import Cluster
from kubernetes import client
from operator_process import OperatorProcess, log_in, start_operator, wait_until

from modelport_operator.lease import LEASE_NAME
from modelport_operator.rbac import NAME, build_cluster_wide, build_namespaced, write

Kubectl = Callable[..., str]
Object = dict[str, Any]
May = Callable[..., bool]

OPEN: Object = {"windows": [{"start": "00:00", "end": "24:00"}]}
CLOSED: Object = OPEN | {"override": {"until": "2100-01-01T00:00:00Z", "state": "Stopped"}}
SPECS: dict[str, Object] = {
    "routed, with two keys": {
        "access": {"ingress": {"host": "cups.example.com"}, "keys": [{"name": "default"}, {"name": "partner"}]}
    },
    "scheduled": {"execution": {"schedule": OPEN, "instances": 2}},
    "closed": {"execution": {"schedule": CLOSED, "instances": 2}},
    "open again, and scaled": {"execution": {"autoscaling": {"maxInstances": 3, "metric": "CPU", "target": 80}}},
    "anonymous, and nothing else": {"access": {"anonymous": True}},
}
"""What one resource goes through, one after the other: children come and go with each."""


def account(namespace: str) -> str:
    """Return the operator's user name."""
    return f"system:serviceaccount:{namespace}:{NAME}"


@pytest.fixture
def on(kubectl: Kubectl, namespace: str) -> Kubectl:
    """Give kubectl in the test's namespace."""
    return lambda *arguments, **options: kubectl("-n", namespace, *arguments, **options)


@pytest.fixture(params=["cluster-wide", "for a namespace"])
def operator(request: pytest.FixtureRequest, cluster: Cluster, crd: str, namespace: str) -> Iterator[OperatorProcess]:
    """Give an operator with its service account's token and the rights that are made for it."""
    wide = request.param == "cluster-wide"
    # In a namespace that is on its way out everybody's writes are refused.
    wait_until(lambda: "Terminating" not in cluster.kubectl("get", "namespaces"), seconds=60)
    roles = write(build_cluster_wide(namespace) if wide else build_namespaced(namespace, [namespace]))
    cluster.kubectl("apply", "-f", "-", stdin=roles)
    flags = [f"--own-namespace={namespace}", *([] if wide else [f"--namespaces={namespace}"])]
    try:
        login = log_in(cluster, namespace, NAME)
        with start_operator(login, cluster.folder / f"{namespace}-operator.log", *flags) as operator:
            yield operator
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", NAME, "--ignore-not-found")


def is_observed(on: Kubectl, generation: int) -> bool:
    return on("get", "pm", "cups", "-o", "jsonpath={.status.observedGeneration}") == str(generation)


def test_the_rights_suffice_for_a_whole_life(
    operator: OperatorProcess, cluster: Cluster, namespace: str, on: Kubectl, smallest: Object
) -> None:
    for spec in SPECS.values():
        applied = on("apply", "-o", "json", "-f", "-", stdin=json.dumps(smallest | {"spec": smallest["spec"] | spec}))
        generation = json.loads(applied)["metadata"]["generation"]
        wait_until(lambda generation=generation: is_observed(on, generation))
        if spec is SPECS["closed"]:
            on("wait", "--for=jsonpath={.status.state}=Stopped", "pm/cups", "--timeout=20s")
        else:
            on("wait", "--for=condition=Ready", "pm/cups", "--timeout=30s")
    on("scale", "pm/cups", "--replicas=2")
    on("wait", "--for=jsonpath={.spec.replicas}=2", "deployment/cups", "--timeout=20s")
    on("delete", "pm", "cups")
    on("wait", "--for=delete", "deployment/cups", "--timeout=30s")

    written = cluster.writes(account(namespace), namespace)
    kinds = {write.split()[1] for write in written}
    assert {"cronjobs", "horizontalpodautoscalers", "ingresses", "roles", "secrets", "deployments/scale"} <= kinds
    assert [write for write in written if write.endswith((" 401", " 403"))] == []
    _, metrics = operator.ask("/metrics")
    assert re.findall(r'api_calls_total\{code="40[13]".*', metrics) == []
    assert [line["message"] for line in operator.lines if line["level"] != "info"] == []


FORBIDDEN: dict[str, tuple[str, str, str]] = {
    "list Secrets": ("list", "", "secrets"),
    "watch Secrets": ("watch", "", "secrets"),
    "read what a Pod prints": ("get", "", "pods/log"),
    "enter a Pod": ("create", "", "pods/exec"),
    "make Pods itself": ("create", "", "pods"),
    "write a resource's spec": ("patch", "modelport.io", "publishedmodels"),
    "delete a resource": ("delete", "modelport.io", "publishedmodels"),
    "take a whole kind away": ("deletecollection", "apps", "deployments"),
    "grant what it has not": ("escalate", "rbac.authorization.k8s.io", "roles"),
    "bind what it has not": ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    "make roles of the cluster": ("create", "rbac.authorization.k8s.io", "clusterroles"),
    "make a token": ("create", "", "serviceaccounts/token"),
    "be somebody else": ("impersonate", "", "serviceaccounts"),
    "see nodes": ("list", "", "nodes"),
    "see namespaces": ("list", "", "namespaces"),
    "define kinds": ("create", "apiextensions.k8s.io", "customresourcedefinitions"),
    "change its own Lease's neighbours": ("update", "coordination.k8s.io", "leases"),
}


@pytest.fixture
def may(api: client.ApiClient, namespace: str) -> Callable[..., bool]:
    """Give a function that asks the API server what the operator's service account may do, in its own namespace."""
    reviews = client.AuthorizationV1Api(api)

    def ask(verb: str, group: str, resource: str, where: str = namespace, name: str = "") -> bool:
        plural, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
        spec = {"user": account(namespace), "resourceAttributes": {**attributes, "namespace": where, "name": name}}
        return bool(reviews.create_subject_access_review({"spec": spec}).status.allowed)

    return ask


@pytest.mark.parametrize("wide", [True, False], ids=["cluster-wide", "for a namespace"])
def test_the_rights_give_no_more(wide: bool, cluster: Cluster, crd: str, namespace: str, may: May) -> None:
    made = build_cluster_wide(namespace) if wide else build_namespaced(namespace, [namespace])
    cluster.kubectl("apply", "-f", "-", stdin=write(made))
    try:
        assert may("get", "", "secrets")
        assert may("get", "", "secrets", "default") is wide
        assert may("patch", "apps", "deployments", "default") is wide
        assert [name for name, right in FORBIDDEN.items() if may(*right)] == []
        assert may("update", "coordination.k8s.io", "leases", name=LEASE_NAME)
        assert not may("update", "coordination.k8s.io", "leases", "kube-system", LEASE_NAME)
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", NAME, "--ignore-not-found")
