"""A real Kubernetes API for this tree, with a node that is pretended: `make test-cluster`.

The suite starts its own control plane and talks to no other one: neither the user's kubeconfig nor the cluster that the
tests may run in is ever looked at.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from control_plane.cluster import Cluster, start_cluster
from kubernetes import client, config
from kubernetes.client.rest import RESTClientObject
from models import Models
from running_operator import RunningOperator, operator_config, run_operator

REPOSITORY = Path(__file__).parents[2]
CRD = REPOSITORY / "crds" / "publishedmodels.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count a test's own time alone: the fixtures of the first one may build the control plane."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(func_only=True))


@pytest.fixture(scope="session")
def programs() -> Path:
    """Give the folder of the control plane's programs; the first run builds them."""
    script = subprocess.run([REPOSITORY / "scripts" / "control-plane"], capture_output=True, text=True, check=False)
    if script.returncode:
        pytest.fail(script.stderr.strip(), pytrace=False)
    return Path(script.stdout.strip())


@pytest.fixture(scope="session")
def cluster(programs: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Give a running control plane, with PublishedModel defined and a node of 8 GPUs. Its logs stay if a test fails."""
    # Not pytest's folder: the path of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="modelport-"))
    with start_cluster(programs, folder, [CRD]) as cluster:
        yield cluster
    if request.session.testsfailed:
        print(f"the logs of the control plane are in {folder}")
    else:
        shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def own_urls(cluster: Cluster) -> Iterator[set[str]]:
    """Refuse every API server but our own. A test that puts a proxy before ours adds the proxy's address."""
    urls = {cluster.url}
    request = RESTClientObject.request

    def guarded(self: RESTClientObject, method: str, url: str, *args: object, **options: object) -> object:
        if not url.startswith(tuple(f"{own}/" for own in urls)):
            raise RuntimeError(f"the tests talk to their own API server alone, not to {url}")
        return request(self, method, url, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        patch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        patch.setattr(RESTClientObject, "request", guarded)
        yield urls


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster) -> Path:
    """Give the administrator's kubeconfig."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def api(kubeconfig: Path, own_urls: set[str]) -> Iterator[client.ApiClient]:
    """Give a client of the administrator's."""
    with config.new_client_from_config(str(kubeconfig)) as api:
        yield api


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Callable[..., str]:
    """Give a function that runs kubectl and returns what it prints, or raises KubectlFailed with what it says."""
    return cluster.kubectl


@pytest.fixture
def namespace(api: client.ApiClient, kubectl: Callable[..., str]) -> Iterator[str]:
    """Give a new namespace, ready for Pods; it is deleted afterwards, with all that is in it."""
    name = f"test-{secrets.token_hex(4)}"
    core = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=20s")
    yield name
    core.delete_namespace(name)


@pytest.fixture(scope="session")
def crd(kubectl: Callable[..., str]) -> str:
    """Give the name of PublishedModel's definition, which is established."""
    name = "publishedmodels.modelport.io"
    kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=20s")
    return name


@pytest.fixture
def operator(cluster: Cluster, namespace: str, crd: str) -> Iterator[RunningOperator]:
    """Give an operator that works in the test's namespace alone, with a clock that the test may move."""
    with run_operator(cluster, operator_config(namespace)) as running:
        yield running


@pytest.fixture
def models(api: client.ApiClient, namespace: str) -> Models:
    """Give the PublishedModels of the test's namespace."""
    return Models(api, namespace)


@pytest.fixture
def smallest() -> dict[str, Any]:
    """Give the smallest PublishedModel there is."""
    return {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "cups"},
        "spec": {"model": {"format": "ONNX", "source": {"uri": "s3://models/cups/"}}},
    }
