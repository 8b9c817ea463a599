"""The chart on a real API server: accepted, upgraded, and left or taken away. kwok pretends that its Pods run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from control_plane.cluster import Cluster, KubectlFailed
from operator_process import wait_until

Helm = Callable[..., str]
Kubectl = Callable[..., str]

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "charts" / "modelport"
EXAMPLE = REPOSITORY / "examples" / "1-half-plus-two.yaml"
SCENARIOS = sorted((CHART / "ci").iterdir())
STRICTLY = ("--server-side", "--dry-run=server", "--validate=strict")
DEFINITION = "crd/publishedmodels.modelport.io"


def render(helm: Helm, values: Path) -> str:
    return helm("template", "modelport", CHART, "--namespace", "modelport", "--values", values)


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem)
def test_the_api_server_takes_every_object_as_it_is(values: Path, cluster: Cluster, helm: Helm) -> None:
    made = render(helm, values)
    said = cluster.kubectl("apply", *STRICTLY, "-f", "-", stdin=made).splitlines()
    assert len(said) == len([each for each in yaml.safe_load_all(made) if each])
    assert all(line.endswith("serverside-applied (server dry run)") for line in said)


def test_a_wrong_field_would_have_been_found(cluster: Cluster, helm: Helm) -> None:
    wrong = render(helm, SCENARIOS[0]).replace("livenessProbe", "livenessPrube")
    with pytest.raises(KubectlFailed, match="livenessPrube"):
        cluster.kubectl("apply", *STRICTLY, "-f", "-", stdin=wrong)


def exists(on: Kubectl, *what: str) -> bool:
    return bool(on("get", *what, "--ignore-not-found", "-o", "name"))


def columns(on: Kubectl) -> int:
    definition = json.loads(on("get", DEFINITION, "-o", "json"))
    return len(definition["spec"]["versions"][0]["additionalPrinterColumns"])


def identity(on: Kubectl) -> str:
    return on("get", "-n", "vision", "pm/half-plus-two", "-o", "jsonpath={.metadata.uid} {.metadata.generation}")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Give a chart as it may have been a release ago: of another version, and without a column of `kubectl get`."""
    chart = Path(shutil.copytree(CHART, tmp_path / "modelport"))
    about = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(re.sub(r"(?m)^(version|appVersion): .*", r"\1: 0.0.9", about))
    definition = yaml.safe_load((chart / "files" / "definition.yaml").read_text())
    definition["spec"]["versions"][0]["additionalPrinterColumns"].pop()
    (chart / "files" / "definition.yaml").write_text(yaml.safe_dump(definition))
    return chart


def test_an_upgrade_brings_the_new_definition_and_models_survive_it_and_the_end(
    older: Path, install: Helm, release: Helm, on: Kubectl
) -> None:
    install(older)
    on("apply", "-n", "vision", "-f", EXAMPLE)
    model, before = identity(on), columns(on)
    assert on("get", "pods", "-o", "jsonpath={.items[*].status.phase}") == "Running Running"

    install(CHART, "replicas=3")
    assert columns(on) == before + 1
    assert on("get", "deployment/modelport-operator", "-o", "jsonpath={.status.readyReplicas}") == "3"

    release("uninstall", "--wait", "--timeout=60s")
    assert not exists(on, "deployment,service,serviceaccount,role", "-l", "app.kubernetes.io/instance=modelport")
    assert not exists(on, "clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/instance=modelport")
    assert exists(on, DEFINITION)

    install(CHART)  # what was kept is taken up again
    assert identity(on) == model


def test_whoever_chooses_so_takes_definition_and_models_away(install: Helm, release: Helm, on: Kubectl) -> None:
    assert "Uninstalling this release deletes every PublishedModel" in install(CHART, "crds.keep=false")
    on("apply", "-n", "vision", "-f", EXAMPLE)
    release("uninstall", "--wait", "--timeout=60s")
    assert not exists(on, DEFINITION)


MAY = {"view": {"get", "list", "watch"}, "edit": {"get", "list", "watch", "create", "patch", "delete"}}
MAY["admin"] = MAY["edit"]


def test_users_may_do_with_models_what_their_role_says(install: Helm, on: Kubectl, cluster: Cluster) -> None:
    install(CHART)
    for role, verbs in MAY.items():
        on("create", "rolebinding", f"may-{role}", f"--clusterrole={role}", f"--user={role}er", "-n", "vision")
        wait_until(lambda role=role: may(cluster, role, "list"))  # the controller manager joins the roles
        assert {verb for verb in MAY["edit"] if may(cluster, role, verb)} == verbs
        assert may(cluster, role, "patch", "publishedmodels/scale") == ("patch" in verbs)
        assert not may(cluster, role, "patch", "publishedmodels/status")
        assert not may(cluster, role, "list", namespace="sound")
        on("delete", "rolebinding", f"may-{role}", "-n", "vision")


def may(cluster: Cluster, role: str, verb: str, what: str = "publishedmodels", namespace: str = "vision") -> bool:
    resource, _, subresource = what.partition("/")
    attributes = {"group": "modelport.io", "resource": resource, "subresource": subresource, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"{role}er", "resourceAttributes": attributes | {"namespace": namespace}},
    }
    said = cluster.kubectl("create", "-f", "-", "-o", "jsonpath={.status.allowed}", stdin=json.dumps(review))
    return said == "true"


def test_a_definition_from_elsewhere_is_refused_and_can_be_used(install: Helm, on: Kubectl) -> None:
    on("apply", "--server-side", "-f", REPOSITORY / "crds" / "publishedmodels.yaml")
    with pytest.raises(RuntimeError, match="invalid ownership metadata"):
        install(CHART)
    install(CHART, "crds.enabled=false")
    assert exists(on, "deployment/modelport-operator")


def test_a_namespace_that_is_not_there_is_named(install: Helm) -> None:
    with pytest.raises(RuntimeError, match='namespaces "nowhere" not found'):
        install(CHART, "operator.namespaces={nowhere}")
