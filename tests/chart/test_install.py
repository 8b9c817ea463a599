"""The chart on a real API server: accepted, upgraded, left or taken away, and enough for an operator to work with.

kwok pretends that the operator's Pods run; where one must work, the test runs it with what the chart gave its Pods.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.cluster import Cluster, KubectlFailed
from operator_process import log_in, start_operator, wait_until

Helm = Callable[..., str]
Kubectl = Callable[..., str]
Object = dict[str, Any]

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "charts" / "modelport"
EXAMPLE = HERE.parents[1] / "examples" / "1-half-plus-two.yaml"
SCENARIOS = sorted((CHART / "ci").iterdir(), key=lambda path: path.name)
STRICTLY = ("--server-side", "--dry-run=server", "--validate=strict")
NEEDED = ("--set", "tritonImage=registry.example.com/triton:1")
DEFINITION = "publishedmodels.modelport.io"


@pytest.fixture
def on(cluster: Cluster, helm: Helm) -> Iterator[Kubectl]:
    """Give kubectl in the release's namespace, on a cluster without Modelport, which it is again afterwards."""
    yield lambda *arguments, **options: cluster.kubectl("-n", "modelport", *arguments, **options)
    helm("uninstall", "modelport", *at(cluster), "--ignore-not-found", "--wait", "--timeout", "60s")
    cluster.kubectl("delete", "crd", DEFINITION, "--ignore-not-found", "--timeout=60s")
    cluster.kubectl("delete", "deployment,service,configmap", "-A", "-l", "app.kubernetes.io/managed-by=modelport")


@pytest.fixture
def install(cluster: Cluster, helm: Helm, on: Kubectl) -> Callable[..., str]:
    """Give a function that installs or upgrades a chart with some values, and waits until its Pods are ready."""
    return lambda chart, *values: helm(
        "upgrade", "--install", "modelport", chart, *at(cluster), *NEEDED, *values, "--wait", "--timeout", "60s"
    )


def at(cluster: Cluster) -> tuple[str, ...]:
    """Return helm's flags for the cluster and the release's namespace."""
    return "--kubeconfig", str(cluster.kubeconfig), "--namespace", "modelport"


def manifests(text: str) -> list[Object]:
    return [each for each in yaml.safe_load_all(text) if each]


def find(cluster_has: str, kind: str) -> Object:
    (found,) = [each for each in manifests(cluster_has) if each["kind"] == kind]
    return found


def publish(on: Kubectl, namespace: str = "vision") -> None:
    established(on)
    on("apply", "-n", namespace, "-f", EXAMPLE)


def established(on: Kubectl) -> None:
    on("wait", "--for=condition=Established", f"crd/{DEFINITION}", "--timeout=20s")


def exists(on: Kubectl, *what: str) -> bool:
    return bool(on("get", *what, "--ignore-not-found", "-o", "name"))


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem)
def test_the_api_server_takes_every_object_as_it_is(values: Path, cluster: Cluster, helm: Helm) -> None:
    made = helm("template", "modelport", CHART, "--namespace", "modelport", "--values", values)
    said = cluster.kubectl("apply", *STRICTLY, "-f", "-", stdin=made).splitlines()
    assert len(said) == len(manifests(made))
    assert all(line.endswith("serverside-applied (server dry run)") for line in said)


def test_a_wrong_field_would_have_been_found(cluster: Cluster, helm: Helm) -> None:
    made = helm("template", "modelport", CHART, "--namespace", "modelport", *NEEDED)
    with pytest.raises(KubectlFailed, match="livenessPrube"):
        cluster.kubectl("apply", *STRICTLY, "-f", "-", stdin=made.replace("livenessProbe", "livenessPrube"))


def older(folder: Path) -> Path:
    """Return a chart as it may have been a release ago: of another version, and without a column of `kubectl get`."""
    chart = shutil.copytree(CHART, folder / "modelport")
    about = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(re.sub(r"(?m)^(version|appVersion): .*", r"\1: 0.0.9", about))
    definition = yaml.safe_load((chart / "files" / "definition.yaml").read_text())
    definition["spec"]["versions"][0]["additionalPrinterColumns"].pop()
    (chart / "files" / "definition.yaml").write_text(yaml.safe_dump(definition))
    return chart


def columns(on: Kubectl) -> int:
    definition = json.loads(on("get", "crd", DEFINITION, "-o", "json"))
    return len(definition["spec"]["versions"][0]["additionalPrinterColumns"])


def test_an_upgrade_brings_the_new_definition_and_models_survive_it_and_the_end(
    install: Helm, helm: Helm, cluster: Cluster, on: Kubectl, tmp_path: Path
) -> None:
    install(older(tmp_path))
    publish(on)
    model = on("get", "-n", "vision", "pm", "half-plus-two", "-o", "jsonpath={.metadata.uid} {.metadata.generation}")
    before = columns(on)
    assert on("get", "pods", "-o", "jsonpath={.items[*].status.phase}") == "Running Running"

    install(CHART, "--set", "replicas=3")
    assert columns(on) == before + 1
    assert on("get", "deployment/modelport-operator", "-o", "jsonpath={.status.readyReplicas}") == "3"

    helm("uninstall", "modelport", *at(cluster), "--wait", "--timeout", "60s")
    assert not exists(on, "deployment,service,serviceaccount", "-l", "app.kubernetes.io/instance=modelport")
    assert not exists(on, "clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/instance=modelport")
    assert exists(on, "crd", DEFINITION)

    install(CHART)  # what was kept is taken up again
    same = on("get", "-n", "vision", "pm", "half-plus-two", "-o", "jsonpath={.metadata.uid} {.metadata.generation}")
    assert same == model


def test_whoever_chooses_so_takes_definition_and_models_away(
    install: Helm, helm: Helm, cluster: Cluster, on: Kubectl
) -> None:
    said = install(CHART, "--set", "crds.keep=false")
    assert "Uninstalling this release deletes every PublishedModel" in said
    publish(on)
    helm("uninstall", "modelport", *at(cluster), "--wait", "--timeout", "60s")
    assert not exists(on, "crd", DEFINITION)


def test_a_definition_of_somebody_else_is_refused_and_can_be_used(install: Helm, on: Kubectl) -> None:
    on("apply", "--server-side", "-f", HERE.parents[1] / "crds" / "publishedmodels.yaml")
    with pytest.raises(RuntimeError, match="invalid ownership metadata"):
        install(CHART)
    install(CHART, "--set", "crds.enabled=false")
    assert exists(on, "deployment/modelport-operator")


FLAGS = {
    "the whole cluster": (),
    "a namespace": ("--set", "operator.namespaces={vision}"),
}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_an_operator_works_with_the_flags_and_the_rights_that_the_chart_gives_its_pods(
    flags: tuple[str, ...], install: Helm, helm: Helm, cluster: Cluster, on: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = install(CHART, *flags, "--set", "operator.logLevel=debug")
    established(on)
    made = helm("get", "manifest", "modelport", *at(cluster))
    pod = find(made, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["python", "-m", "modelport_operator"]
    assert [(each["name"], each["valueFrom"]["fieldRef"]["fieldPath"]) for each in container["env"]] == [
        ("MODELPORT_OPERATOR_OWN_NAMESPACE", "metadata.namespace")
    ]
    monkeypatch.setenv("MODELPORT_OPERATOR_OWN_NAMESPACE", "modelport")
    login = log_in(cluster, "modelport", pod["serviceAccountName"])
    with start_operator(login, cluster.folder / "operator.log", *container["args"]) as operator:
        publish(on)
        on("wait", "-n", "vision", "--for=condition=Ready", "pm/half-plus-two", "--timeout=30s")
        assert on("get", "lease/modelport-operator", "-o", "jsonpath={.spec.holderIdentity}")
        assert 'code="403"' not in operator.ask("/metrics")[1]
        assert ask_as_helm_test_does(helm, cluster, operator.port) == "working"
        assert key_as_the_notes_say(notes, on).startswith("mp_")
        image = on("get", "-n", "vision", "deployment/half-plus-two", "-o", "jsonpath={..containers[*].image}")
        assert image == container["image"]
        on("delete", "-n", "vision", "-f", EXAMPLE)
        wait_until(lambda: not exists(on, "-n", "vision", "deployment/half-plus-two"))


def ask_as_helm_test_does(helm: Helm, cluster: Cluster, port: int) -> str:
    """Run the program of `helm test`'s Pod, but ask this operator directly; return its answer."""
    pod = find(helm("get", "hooks", "modelport", *at(cluster)), "Pod")
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["python", "-c"]
    program = container["args"][0].replace("modelport-operator:8081", f"127.0.0.1:{port}")
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    ).stdout.strip()


def key_as_the_notes_say(notes: str, on: Kubectl) -> str:
    """Return the key that the line of the notes finds; the Service that they forward to is there."""
    (line,) = re.findall(r"KEY=\$\(kubectl -n NAMESPACE (get secret .*) \| base64 -d\)", notes)
    what, _, path = line.replace("NAME", "half-plus-two").replace("'", "").partition(" -o ")
    encoded = on("-n", "vision", *what.split(), "-o", path)
    assert "port-forward service/NAME 8080:80" in notes
    assert "80" in on("get", "-n", "vision", "service/half-plus-two", "-o", "jsonpath={.spec.ports[*].port}").split()
    return subprocess.run(["base64", "-d"], input=encoded, capture_output=True, text=True, check=True).stdout
