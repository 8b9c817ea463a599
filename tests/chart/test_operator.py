"""A real operator with what a release gives its Pods: command, flags, and the token of their service account."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_plane.cluster import Cluster
from operator_process import OperatorProcess, log_in, start_operator, wait_until

Helm = Callable[..., str]
Kubectl = Callable[..., str]
Run = Callable[[], AbstractContextManager[OperatorProcess]]
Object = dict[str, Any]

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "charts" / "modelport"
PREVIOUS = Path(__file__).parent / "previous" / "modelport-0.1.0.tgz"
"""The chart before this one, as it was: `git archive --prefix=modelport/ COMMIT:charts/modelport`."""
EXAMPLE = REPOSITORY / "examples" / "1-half-plus-two.yaml"


def find(text: str, kind: str) -> Object:
    (found,) = [each for each in yaml.safe_load_all(text) if each and each["kind"] == kind]
    return dict(found)


@pytest.fixture
def run(release: Helm, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the operator of the release as it is now."""

    @contextmanager
    def start() -> Iterator[OperatorProcess]:
        pod = find(release("get manifest"), "Deployment")["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["command"] == ["python", "-m", "modelport_operator"]
        for variable in container["env"]:
            assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
            monkeypatch.setenv(variable["name"], "modelport")
        login = log_in(cluster, "modelport", pod["serviceAccountName"])
        with start_operator(login, cluster.folder / "operator.log", *container["args"]) as operator:
            yield operator

    return start


@pytest.fixture
def vision(on: Kubectl) -> Kubectl:
    """Give kubectl in a namespace of models."""
    return lambda *arguments: on("-n", "vision", *arguments)


def deployed(vision: Kubectl) -> str:
    """Return the generation and the gateway's image of the model's Deployment."""
    what = 'jsonpath={.metadata.generation} {..containers[?(@.name=="gateway")].image}'
    return vision("get", "deployment/half-plus-two", "-o", what)


def is_gone(vision: Kubectl) -> bool:
    return not vision("get", "deployment/half-plus-two", "--ignore-not-found")


WHERE = {"the whole cluster": (), "a namespace": ("operator.namespaces={vision}",)}


@pytest.mark.parametrize("values", WHERE.values(), ids=WHERE)
def test_it_works_with_the_flags_and_the_rights_that_it_has(
    values: tuple[str, ...], install: Helm, release: Helm, run: Run, on: Kubectl, vision: Kubectl
) -> None:
    notes = install(CHART, *values)
    with run() as operator:
        vision("apply", "-f", EXAMPLE)
        vision("wait", "--for=condition=Ready", "pm/half-plus-two", "--timeout=30s")
        assert on("get", "lease/modelport-operator", "-o", "jsonpath={.spec.holderIdentity}")
        assert ask_as_helm_test_does(release, operator.port) == "working"
        assert key_as_the_notes_say(notes, vision).startswith("mp_")
        vision("delete", "-f", EXAMPLE)
        wait_until(lambda: is_gone(vision))
        assert not re.search(r'api_calls_total\{code="40[13]"', operator.ask("/metrics")[1])


def test_an_upgrade_leaves_running_models_alone_until_they_are_told_to_move(
    install: Helm, run: Run, vision: Kubectl
) -> None:
    install(PREVIOUS, "image.tag=v1")
    with run():
        vision("apply", "-f", EXAMPLE)
        vision("wait", "--for=condition=Ready", "pm/half-plus-two", "--timeout=30s")
        before = deployed(vision)
        assert before.endswith("modelport/modelport:v1")
    install(CHART, "image.tag=v2", "operator.resyncSeconds=1")
    with run() as operator:
        wait_until(lambda: 'reconciles_total{result="done"}' in operator.ask("/metrics")[1])
        assert deployed(vision) == before
        vision("annotate", "publishedmodel", "half-plus-two", "modelport.io/upgrade=now")
        wait_until(lambda: deployed(vision).endswith("modelport/modelport:v2"))


def ask_as_helm_test_does(release: Helm, port: int) -> str:
    """Run the program of `helm test`'s Pod, but ask this operator directly; return its answer."""
    (container,) = find(release("get hooks"), "Pod")["spec"]["containers"]
    assert container["command"] == ["python", "-c"]
    (program,) = container["args"]
    assert "//modelport-operator:8081/" in program
    command = [sys.executable, "-c", program.replace("modelport-operator:8081", f"127.0.0.1:{port}")]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def key_as_the_notes_say(notes: str, vision: Kubectl) -> str:
    """Return the key that the line of the notes finds; the Service that they forward to is there."""
    (secret, path) = re.findall(r"get secret (NAME\S+) -o (jsonpath=\S+) \| base64 -d", notes.replace("'", ""))[0]
    assert "port-forward service/NAME 8088:80" in notes
    assert "80" in vision("get", "service/half-plus-two", "-o", "jsonpath={.spec.ports[*].port}").split()
    encoded = vision("get", "secret", secret.replace("NAME", "half-plus-two"), "-o", path)
    return subprocess.run(["base64", "-d"], input=encoded, capture_output=True, text=True, check=True).stdout
