"""Addresses and autoscalers on a real API server: made as asked, left alone afterwards, gone when asked no more.

The kinds of other projects are defined here as far as it takes to keep their objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from control_plane.cluster import Cluster
from kubernetes import client
from models import Models, eventually, quiet_since
from running_operator import RunningOperator, operator_config, run_operator

from modelport_operator.resources import (
    AUTOSCALER,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    NETWORK_POLICY,
    SCALED_OBJECT,
    SERVICE_MONITOR,
    Kind,
)
from modelport_operator.store import Key

OTHERS = (HTTP_ROUTE, SCALED_OBJECT, SERVICE_MONITOR)
SCALED = {"autoscaling": {"minInstances": 2, "maxInstances": 4, "metric": "Latency", "target": 250}}


def definition(kind: Kind) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": kind.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # The API group's own word for definitions under *.k8s.io that nobody has reviewed.
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {"kind": kind.name, "plural": kind.plural, "singular": kind.name.lower()},
            "versions": [version],
        },
    }


def is_served(models: Models, kind: Kind) -> bool:
    """Tell whether objects of a kind can be listed, which comes some time after their definition."""
    try:
        models.call("GET", kind.path(models.namespace))
    except client.ApiException as error:
        if error.status not in (404, 429):
            raise
        return False
    return True


@pytest.fixture
def others(api: client.ApiClient, models: Models, kubectl: Callable[..., str]) -> Iterator[None]:
    """Define the kinds of other projects for one test."""
    definitions = client.ApiextensionsV1Api(api)
    for kind in OTHERS:
        definitions.create_custom_resource_definition(definition(kind))
        eventually(lambda kind=kind: is_served(models, kind))
    yield
    for kind in OTHERS:
        kubectl("delete", f"crd/{kind.plural}.{kind.group}", "--timeout=60s")


@pytest.fixture
def operator_beside_others(cluster: Cluster, namespace: str, crd: str, others: None) -> Iterator[RunningOperator]:
    with run_operator(cluster, operator_config(namespace)) as running:
        yield running


def check_idle(operator: RunningOperator, models: Models, cluster: Cluster) -> None:
    """Look at the resource three more times once nobody has news of it, and find that nothing is written."""
    models.settled()
    if models.read(AUTOSCALER, "cups") is not None:  # its controller tells last, up to 15 seconds later
        models.wait(Scaling="False FailedGetPodsMetric")
    count = quiet_since(lambda: cluster.writes("operator", models.namespace))
    for _ in range(3):
        operator.reconcile(Key(models.namespace, "cups"))
    assert cluster.writes("operator", models.namespace)[count:] == []


def test_an_ingress_and_an_autoscaler_come_and_go(operator: RunningOperator, models: Models, cluster: Cluster) -> None:
    models.publish(spec={"execution": SCALED, "access": {"ingress": {"tls": {"secretName": "tls"}}}})
    ingress = models.there(INGRESS, "cups")
    host, path = "models.example.com", f"/{models.namespace}/cups"
    assert ingress["spec"]["rules"][0]["host"] == host
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] == path
    assert ingress["spec"]["tls"] == [{"hosts": [host], "secretName": "tls"}]
    assert models.there(AUTOSCALER, "cups")["spec"]["metrics"][0]["pods"]["target"]["averageValue"] == "250"
    assert len(models.there(NETWORK_POLICY, "cups")["spec"]["ingress"]) == 2
    status = models.wait(Ready="True Serving", Routed="True Routed")
    assert status["url"] == f"https://{host}{path}"
    eventually(lambda: models.status()["instanceSummary"] == "2/2")  # an autoscaled model begins with the fewest
    check_idle(operator, models, cluster)
    models.edit("cups", {"execution": {"autoscaling": None}, "access": {"ingress": None}})
    eventually(lambda: models.read(AUTOSCALER, "cups") is None and models.read(INGRESS, "cups") is None)
    eventually(lambda: models.there(DEPLOYMENT, "cups")["spec"]["replicas"] == 1)
    assert models.settled()["status"]["url"] == f"http://cups.{models.namespace}.svc"
    check_idle(operator, models, cluster)


def test_the_number_between_the_bounds_is_the_autoscalers(
    operator: RunningOperator, models: Models, cluster: Cluster
) -> None:
    models.publish(spec={"execution": SCALED})
    models.settled()
    models.call(
        "PUT",
        DEPLOYMENT.path(models.namespace, "cups", "scale"),
        {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "cups", "namespace": models.namespace},
            "spec": {"replicas": 4},
        },
    )
    eventually(lambda: models.status()["instanceSummary"] == "4/4")
    models.edit("cups", {"versionTag": "spring"})
    models.settled()
    assert models.there(DEPLOYMENT, "cups")["spec"]["replicas"] == 4, "a rollout does not change it either"
    models.edit("cups", {"execution": {"autoscaling": None}})
    eventually(lambda: models.there(DEPLOYMENT, "cups")["spec"]["replicas"] == 1)


def test_the_kinds_of_other_projects(operator_beside_others: RunningOperator, models: Models, cluster: Cluster) -> None:
    gateway = {"name": "public", "namespace": "edge", "host": "cups.example.com"}
    models.publish(spec={"execution": SCALED, "access": {"gateway": gateway}})
    assert models.there(HTTP_ROUTE, "cups")["spec"]["hostnames"] == ["cups.example.com"]
    assert models.there(SCALED_OBJECT, "cups")["spec"]["maxReplicaCount"] == 4
    assert models.there(SERVICE_MONITOR, "cups")["spec"]["endpoints"][0]["port"] == "metrics"
    assert models.wait(Ready="True Serving", Routed="True Routed")["url"] == "http://cups.example.com"
    assert models.read(AUTOSCALER, "cups") is None
    check_idle(operator_beside_others, models, cluster)
    models.edit("cups", {"execution": {"autoscaling": {"engine": "HPA"}}, "access": {"gateway": None}})
    models.there(AUTOSCALER, "cups")
    eventually(lambda: models.read(SCALED_OBJECT, "cups") is None and models.read(HTTP_ROUTE, "cups") is None)
    check_idle(operator_beside_others, models, cluster)


def test_the_younger_of_two_claims_waits_for_the_address(operator: RunningOperator, models: Models) -> None:
    access = {"access": {"ingress": {"host": f"{models.namespace}.example.com"}}}
    models.publish(spec=access)
    models.wait(Routed="True Routed")
    time.sleep(1.1)  # the age of a resource counts in seconds
    models.publish("bowls", spec=access)
    status = models.wait("bowls", Routed="False HostConflict")
    assert status["url"] == f"http://bowls.{models.namespace}.svc"
    assert models.read(INGRESS, "bowls") is None
    models.delete("cups")
    models.wait("bowls", Routed="True Routed")
    assert models.there(INGRESS, "bowls")["spec"]["rules"][0]["host"] == f"{models.namespace}.example.com"
