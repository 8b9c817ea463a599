"""The life of a resource, as its owner sees it: applied, served, changed, scaled, deleted."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from control_plane.cluster import Cluster
from models import Models, eventually
from running_operator import RunningOperator, operator_config, run_operator

from modelport_operator.resources import DEPLOYMENT, POD, SECRET

Kubectl = Callable[..., str]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def test_every_example_becomes_ready_with_all_its_children(
    operator: RunningOperator, models: Models, kubectl: Kubectl, namespace: str
) -> None:
    for example in EXAMPLES:
        kubectl("apply", "-n", namespace, "-f", example)
    kubectl("wait", "--for=condition=Ready", "pm", "--all", "-n", namespace, "--timeout=60s")
    listed = json.loads(kubectl("get", "pm", "-n", namespace, "-o", "json"))["items"]
    assert len(listed) >= len(EXAMPLES)
    for each in listed:
        name = each["metadata"]["name"]
        digest = models.settled(name)["status"]["images"]["config"]
        children = models.children(name)
        anonymous = each["spec"]["access"].get("anonymous")
        keys = set() if anonymous else {f"Secret {name}-keys", f"Secret {name}-key-digests"}
        assert set(children) == keys | {
            f"ConfigMap {name}-config-{digest}",
            f"ConfigMap {name}-live",
            f"Deployment {name}",
            f"NetworkPolicy {name}",
            f"PodDisruptionBudget {name}",
            f"Service {name}",
        }
        owner = {"kind": "PublishedModel", "name": name, "uid": each["metadata"]["uid"], "controller": True}
        for child in children.values():
            assert [owner.items() <= told.items() for told in child["metadata"]["ownerReferences"]] == [True]
        assert json.loads(children[f"ConfigMap {name}-config-{digest}"]["data"]["resource.json"])["spec"]["model"]
        if keys:
            declared = {key["name"] for key in each["spec"]["access"]["keys"]}
            assert set(children[f"Secret {name}-keys"]["data"]) == declared
        assert (children[f"Service {name}"]["spec"]["clusterIP"] or "None") != "None"


def test_the_table_that_kubectl_prints(operator: RunningOperator, models: Models, kubectl: Kubectl) -> None:
    windows = [{"start": "00:00", "end": "24:00"}]
    closed = [{"date": "2040-01-01", "closed": True}]
    schedule = {"timeZone": "Etc/UTC", "windows": windows, "exceptions": closed}
    gpu = {"count": 2, "product": "NVIDIA-A100-SXM4-80GB"}
    models.publish(spec={"apis": ["nnc"], "execution": {"device": "GPU", "gpu": gpu, "schedule": schedule}})
    models.settled()
    heads, cells = kubectl("get", "pm", "-n", models.namespace, "-o", "wide").splitlines()
    assert " ".join(heads.split()) == "NAME READY STATE INSTANCES URL NEXT VERSION AGE GPU APIS MESSAGE"
    url = f"http://cups.{models.namespace}.svc"
    assert cells.split()[:6] == ["cups", "True", "Serving", "1/1", url, "2040-01-01T00:00:00Z"]
    assert "Serving" in kubectl("events", "--for", "pm/cups", "-n", models.namespace)
    assert " ".join(cells.split()).endswith(" 2 NVIDIA-A100-SXM4-80GB nnc 1 of 1 instances answer")


def test_a_resource_is_scaled_by_kubectl(operator: RunningOperator, models: Models, kubectl: Kubectl) -> None:
    models.publish()
    models.settled()
    for count in (3, 0, 1):
        kubectl("scale", "pm/cups", f"--replicas={count}", "-n", models.namespace)
        reason = "True Serving" if count else "False NoInstances"
        models.wait(Ready=reason)
        status = eventually(models.status, lambda told, summary=f"{count}/{count}": told["instanceSummary"] == summary)
        assert status["state"] in ("Serving", "Updating") if count else status["state"] == "Stopped"
        assert len(models.pods()) == count


def test_a_stranger_who_scales_the_deployment_is_corrected(operator: RunningOperator, models: Models) -> None:
    models.publish()
    models.settled()
    models.edit("cups", {"replicas": 4}, kind=DEPLOYMENT)
    eventually(lambda: models.there(DEPLOYMENT, "cups")["spec"]["replicas"] == 1)


INFER = "/v2/models/cups/infer"


def test_another_type_answers_at_another_address_of_the_nnc_api(operator: RunningOperator, models: Models) -> None:
    models.publish(spec={"apis": ["nnc", "open-inference"]})

    def addresses() -> dict[str, str]:
        base = f"http://cups.{models.namespace}.svc"
        status = models.settled()["status"]
        assert status["url"] == base
        return {each["api"]: each["url"].removeprefix(base) for each in status["endpoints"]}

    assert addresses() == {"nnc": "/v1/dedicated/classifiers/cups/inference", "open-inference": INFER}
    models.edit("cups", {"execution": {"type": "Serverless"}})
    assert addresses() == {"nnc": "/v1/serverless/classifiers/cups/inference", "open-inference": INFER}


def test_deletion_leaves_nothing(operator: RunningOperator, models: Models) -> None:
    models.publish()
    models.settled()
    models.delete("cups")
    eventually(lambda: (*models.children(), *models.pods()), lambda left: not left)
    time.sleep(0.5)
    assert not models.children(), "what was collected has been made again"


def test_deletion_leaves_nothing_while_the_operator_is_down(cluster: Cluster, models: Models, crd: str) -> None:
    with run_operator(cluster, operator_config(models.namespace)):
        models.publish()
        models.settled()
    models.delete("cups")
    eventually(lambda: (*models.children(), *models.pods()), lambda left: not left)


def test_a_resource_that_is_deleted_and_made_again_at_once(operator: RunningOperator, models: Models) -> None:
    models.publish()
    models.settled()
    old = models.there(SECRET, "cups-keys")["data"]
    models.delete("cups")
    uid = models.publish()["metadata"]["uid"]
    models.settled()
    models.wait(Ready="True Serving", Applied="True Applied", KeysReady="True KeysReady")
    owners = {each["metadata"]["ownerReferences"][0]["uid"] for each in models.children().values()}
    assert owners == {uid}
    assert models.there(SECRET, "cups-keys")["data"] != old


def test_a_namespace_that_is_deleted_ends_quietly(
    operator: RunningOperator, models: Models, kubectl: Kubectl, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"cups-{number}" for number in range(5)]
    for name in names:
        models.publish(name)
    for name in names:
        models.settled(name)
    caplog.set_level(logging.INFO)
    caplog.clear()
    kubectl("delete", "namespace", models.namespace, "--timeout=60s")
    said = [record.getMessage() for record in caplog.records if record.name.startswith("modelport")]
    kubectl("create", "namespace", models.namespace)  # which the fixture deletes
    assert said == []


OTHER = {"runtime_image": "example.com/modelport:2", "triton_image": "example.com/triton:2"}


def images_of(models: Models, name: str) -> set[str]:
    spec = models.there(DEPLOYMENT, name)["spec"]["template"]["spec"]
    return {each["image"] for each in (*spec["initContainers"], *spec["containers"])}


def test_an_upgrade_of_the_operator_rolls_nobody_who_is_not_told_to(
    cluster: Cluster, models: Models, kubectl: Kubectl, crd: str
) -> None:
    old = {"example.com/modelport:1", "example.com/triton:1"}
    with run_operator(cluster, operator_config(models.namespace)):
        for name in ("still", "scaled", "live", "told", "changed"):
            models.publish(name)
        for name in ("still", "scaled", "live", "told", "changed"):
            models.settled(name)
    with run_operator(cluster, operator_config(models.namespace, **OTHER)) as operator:
        operator.resync()
        kubectl("scale", "pm/scaled", "--replicas=2", "-n", models.namespace)
        models.edit("live", {"access": {"rateLimit": {"requestsPerSecond": 5, "burst": 5}}})
        models.edit("told", metadata={"annotations": {"modelport.io/upgrade": "x" * 300}})
        models.edit("changed", {"model": {"source": {"uri": "s3://models/others/"}}})
        for name in ("told", "changed"):
            eventually(lambda name=name: images_of(models, name) == set(OTHER.values()))
        for name in ("scaled", "live"):
            models.settled(name)
        assert [images_of(models, name) for name in ("still", "scaled", "live")] == [old] * 3
        for name in ("told", "changed"):
            assert models.settled(name)["status"]["images"]["runtime"] == OTHER["runtime_image"]


def test_settings_of_a_pod_that_may_start_again_are_kept_until_the_rollout_is_through(
    operator: RunningOperator, models: Models
) -> None:
    models.publish(spec={"execution": {"pod": {"annotations": {"test.modelport.io/by-hand": ""}}}})
    (pod,) = eventually(models.pods)

    def settings() -> set[str]:
        return {name for name in models.children() if name.startswith("ConfigMap cups-config-")}

    (first,) = eventually(settings)
    models.edit("cups", {"model": {"source": {"uri": "s3://models/others/"}}})
    eventually(settings, lambda now: len(now) == 2)
    models.delete(pod["metadata"]["name"], kind=POD)
    eventually(lambda: len(models.pods()) >= 2)
    assert first in settings()
    models.edit("cups", {"execution": {"pod": {"annotations": None}}})
    models.settled()
    eventually(settings, lambda now: len(now) == 1)
    assert first not in settings()


@pytest.fixture
def older_schema(kubectl: Kubectl, crd: str) -> Any:
    """Take the rules out of the definition while a test runs, as if it came from an older release."""
    definition = json.loads(kubectl("get", "crd", crd, "-o", "json"))
    (version,) = definition["spec"]["versions"]
    rules = version["schema"]["openAPIV3Schema"]
    path = "/spec/versions/0/schema/openAPIV3Schema"
    bare = [{"op": "replace", "path": path, "value": without_rules(rules)}]
    kubectl("patch", "crd", crd, "--type=json", "-p", json.dumps(bare))
    yield
    kubectl("patch", "crd", crd, "--type=json", "-p", json.dumps([{"op": "replace", "path": path, "value": rules}]))


def without_rules(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: without_rules(each) for name, each in schema.items() if name != "x-kubernetes-validations"}
    return [without_rules(each) for each in schema] if isinstance(schema, list) else schema


def test_a_resource_that_slipped_past_the_rules_is_told_and_keeps_what_runs(
    operator: RunningOperator, models: Models, older_schema: None
) -> None:
    models.publish()
    models.settled()
    wrong = {"execution": {"device": "CPU", "gpu": {"count": 1}}}

    def accepted() -> bool:
        try:
            models.edit("cups", wrong)
        except Exception:  # the API server takes a moment to forget the rules
            return False
        return True

    eventually(accepted)
    status = models.wait(Applied="False InvalidSpec", Ready="True Serving")
    assert status["state"] == "Degraded"
    assert "gpu" in models.message("Applied")
    assert len(models.pods()) == 1
    models.publish("new", spec=wrong)
    status = models.wait("new", Ready="False InvalidSpec")
    assert status["state"] == "Failed"
    assert not models.children("new")
    models.edit("cups", {"execution": {"gpu": None}})
    assert models.settled()["status"]["state"] == "Serving"
    models.wait(Applied="True Applied")
