"""What the chart becomes: a scenario of `ci/` each, whole, beside what it became when somebody last looked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Helm = Callable[..., str]
Object = dict[str, Any]

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "charts" / "modelport"
SCENARIOS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").iterdir())
UPDATE = "MODELPORT_UPDATE_SNAPSHOTS"
NEEDED = "tritonImage=registry.example.com/triton:1"


def values(scenario: str) -> tuple[str, Path]:
    return "--values", CHART / "ci" / f"{scenario}-values.yaml"


def render(helm: Helm, *arguments: object) -> list[Object]:
    text = helm("template", "modelport", CHART, "--namespace", "modelport", *arguments)
    return [each for each in yaml.safe_load_all(text) if each]


def find(manifests: list[Object], kind: str) -> list[Object]:
    return [each for each in manifests if each["kind"] == kind]


def shortened(manifest: Object) -> Object:
    """Leave out what has a source and a test of its own: a snapshot shows what the chart adds."""
    match manifest["kind"]:
        case "CustomResourceDefinition" | "PrometheusRule":
            return manifest | {"spec": "…"}
        case "ConfigMap":
            return manifest | {"data": sorted(manifest["data"])}
        case "ClusterRole" | "Role":
            return manifest | {"rules": "…"}
    return manifest


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_lint_finds_nothing(helm: Helm, scenario: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *values(scenario))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_becomes_what_it_became(helm: Helm, scenario: str) -> None:
    snapshot = HERE / "snapshots" / f"{scenario}.yaml"
    made = [shortened(each) for each in render(helm, *values(scenario))]
    if os.environ.get(UPDATE):
        snapshot.write_text(yaml.safe_dump_all(made, sort_keys=False, width=120, allow_unicode=True))
    assert made == list(yaml.safe_load_all(snapshot.read_text())), f"if it is meant: {UPDATE}=1 make test-chart"


def test_the_definition_and_the_rights_are_those_of_the_code(helm: Helm) -> None:
    made = render(helm, *values("default"))
    crd = yaml.safe_load((CHART.parents[1] / "crds" / "publishedmodels.yaml").read_text())
    roles = yaml.safe_load_all((CHART.parents[1] / "operator" / "rbac" / "cluster.yaml").read_text())
    (definition,) = find(made, "CustomResourceDefinition")
    assert definition["metadata"]["name"] == crd["metadata"]["name"]
    assert definition["spec"] == crd["spec"]
    for role in roles:
        if "rules" in role:
            (same,) = [
                each for each in find(made, role["kind"]) if each["metadata"]["name"] == role["metadata"]["name"]
            ]
            assert same["rules"] == role["rules"]


def test_monitoring_brings_every_dashboard_and_rule_unchanged(helm: Helm) -> None:
    made = render(helm, *values("monitored"))
    data = {name: text for each in find(made, "ConfigMap") for name, text in each["data"].items()}
    for path in (CHART / "dashboards").glob("*.json"):
        assert yaml.safe_load(data[f"modelport-{path.name}"]) == yaml.safe_load(path.read_text())
    assert data["config.yaml"] == (CHART / "files" / "adapter-rules.yaml").read_text()
    rules = {each["metadata"]["name"]: each["spec"] for each in find(made, "PrometheusRule")}
    assert rules == {
        f"modelport-operator-{path.stem}": yaml.safe_load(path.read_text()) for path in (CHART / "rules").glob("*.yaml")
    }


REFUSED = {
    "no image of Triton": ("tritonImage=", "tritonImage is needed: .*docs/guides/install.md"),
    "an image with a space": ("tritonImage=a b", "'/tritonImage'"),
    "a value that does not exist": ("operator.workerz=3", "'/operator': additional properties 'workerz' not allowed"),
    "no workers": ("operator.workers=0", "'/operator/workers': minimum: got 0, want 1"),
    "half a worker": ("operator.workers=1.5", "'/operator/workers'"),
    "a word for a switch": (
        "operator.networkPolicies=perhaps",
        "'/operator/networkPolicies': got string, want boolean",
    ),
    "one namespace instead of a list": ("operator.namespaces=vision", "'/operator/namespaces': got string, want array"),
    "a namespace with a capital": ("operator.namespaces={Vision}", "'/operator/namespaces/0'"),
    "the same namespace twice": ("operator.namespaces={a,a}", "'/operator/namespaces'"),
    "an unknown policy": ("image.pullPolicy=Sometimes", "'/image/pullPolicy'"),
    "a digest of another kind": ("image.digest=md5:00", "'/image/digest'"),
    "an address without a scheme": ("operator.prometheusAddress=prometheus:9090", "'/operator/prometheusAddress'"),
    "somebody's account, unnamed": ("serviceAccount.create=false", "'/serviceAccount/name'"),
}


@pytest.mark.parametrize(("setting", "said"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_value_is_refused_by_its_path(helm: Helm, setting: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        render(helm, "--set", NEEDED, "--set", setting)


def test_a_cluster_that_is_too_old_is_refused(helm: Helm) -> None:
    with pytest.raises(RuntimeError, match=r"requires kubeVersion: >=1\.29"):
        render(helm, "--set", NEEDED, "--kube-version", "1.28.15")


@pytest.mark.parametrize("version", ["1.29.0", "1.32.4-gke.1", "1.34.4"])
def test_a_supported_cluster_is_accepted(helm: Helm, version: str) -> None:
    assert find(render(helm, "--set", NEEDED, "--kube-version", version), "Deployment")


def test_nothing_looks_like_a_models_child(helm: Helm) -> None:
    """The operator takes what is labelled as managed by modelport for its own."""
    for scenario in SCENARIOS:
        for manifest in render(helm, *values(scenario)):
            assert manifest["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") != "modelport"
