"""Helm, and a Kubernetes control plane of the suite's own that has never heard of Modelport: `make test-chart`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from control_plane.cluster import Cluster, start_cluster

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CHART = REPOSITORY / "charts" / "modelport"
NAMESPACES = ("modelport", "vision", "sound", "monitoring")
"""Those that the scenarios in `ci/` name, and the release's own."""


class HelmFailed(RuntimeError):
    """Helm ended with an error; the message is what it said."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count a test's own time alone: the fixtures of the first one may build helm and the control plane."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(func_only=True))


def path_from(script: str) -> Path:
    """Return what a script prints, or fail with what it says."""
    done = subprocess.run([REPOSITORY / "scripts" / script], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr.strip(), pytrace=False)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Give the path of helm; the first run builds it."""
    return path_from("helm")


@pytest.fixture(scope="session")
def helm(helm_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Give a function that runs helm and returns what it prints, or raises HelmFailed; nothing of the user's counts."""
    folder = tmp_path_factory.mktemp("helm")
    homes = {f"HELM_{home}_HOME": str(folder / home.lower()) for home in ("CACHE", "CONFIG", "DATA")}
    environment = {**os.environ, **homes, "KUBECONFIG": "/dev/null"}

    def run(*arguments: object) -> str:
        command = [str(part) for part in (helm_program, *arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
        if done.returncode:
            raise HelmFailed(done.stderr + done.stdout)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def chart() -> Path:
    """Give the folder of the chart."""
    return CHART


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Give a running control plane with the kinds of the Prometheus Operator. Its logs stay if a test fails.

    Its namespaces admit no Pod that is not restricted.
    """
    folder = Path(tempfile.mkdtemp(prefix="modelport-"))  # not pytest's: a socket's path has at most 107 characters
    with start_cluster(path_from("control-plane"), folder, sorted((HERE / "kinds").iterdir())) as cluster:
        for name in NAMESPACES:
            cluster.kubectl("create", "namespace", name)
            cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
            cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s")
        yield cluster
    if request.session.testsfailed:
        print(f"the logs of the control plane are in {folder}")
    else:
        shutil.rmtree(folder)


@pytest.fixture
def on(cluster: Cluster, release: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """Give kubectl in the release's namespace, on a cluster without Modelport, which it is again afterwards."""
    yield lambda *arguments, **options: cluster.kubectl("-n", "modelport", *arguments, **options)
    release("uninstall", "--ignore-not-found", "--wait", "--timeout=60s")
    cluster.kubectl("delete", "crd", "publishedmodels.modelport.io", "--ignore-not-found", "--timeout=60s")
    cluster.kubectl("delete", "deployment,service,configmap", "-A", "-l", "app.kubernetes.io/managed-by=modelport")


@pytest.fixture
def release(cluster: Cluster, helm: Callable[..., str]) -> Callable[..., str]:
    """Give a function that runs a verb of helm on the release `modelport`."""
    at = (f"--kubeconfig={cluster.kubeconfig}", "--namespace=modelport")
    return lambda verb, *arguments: helm(*verb.split(), "modelport", *arguments, *at)


@pytest.fixture
def install(release: Callable[..., str], on: Callable[..., str]) -> Callable[..., str]:
    """Give a function that installs a chart with some values, or upgrades to it, and waits until all is ready.

    It returns the notes that helm prints.
    """

    def run(chart: Path, *values: str) -> str:
        settings = (
            part for value in ("tritonImage=registry.example.com/triton:1", *values) for part in ("--set", value)
        )
        said = release("upgrade --install", chart, *settings, "--wait", "--timeout=60s")
        on("wait", "--for=condition=Established", "crd/publishedmodels.modelport.io", "--timeout=20s")
        return said

    return run
