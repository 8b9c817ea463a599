"""The whole on a real kubelet: `make e2e`, with KUBECONFIG at a test cluster. Images are built, loaded and installed.

What differs from cluster to cluster are commands in variables, split at spaces:

    MODELPORT_E2E_CONTEXT      name of the context, if it is not kind's: a promise that this is a test cluster
    MODELPORT_E2E_IMAGES       prints a line for each image: what, name, archive; by default scripts/images
    MODELPORT_E2E_LOAD_IMAGE   brings an archive, its last argument, into every node
    MODELPORT_E2E_NODE         runs a command, its last arguments, on the node
    MODELPORT_E2E_REBOOT       kills the kubelet and every container of the node, and starts the node again
    MODELPORT_E2E_TRAEFIK      Traefik's image, one that every node has or can pull; by default traefik:v3.6
    MODELPORT_E2E_PROMETHEUS   Prometheus' image, likewise; by default prom/prometheus:v3.5.0
    MODELPORT_E2E_KEEP         1: leave the release, and take it over in the next run
    MODELPORT_E2E_REPORT       file for what was measured, docs/benchmarks-e2e.md
"""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from real_cluster.kubectl import Kube, KubectlFailed, Object, Refused, check_context, environment_command
from real_cluster.report import Report
from real_cluster.store import address, archive, archive_folder, open_store

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CHART = REPOSITORY / "charts" / "modelport"
EXAMPLES = REPOSITORY / "examples"
SYSTEM, MODELS = "modelport", "models"
"""Namespaces of the release and of the models. Pods that are not restricted are refused in both."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: needs a real cluster")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "e2e" else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test, and count its own time alone: the first one builds and installs everything."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("e2e")
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.fixture(scope="session")
def context() -> str:
    """Give the name of the context, which is a test cluster's."""
    try:
        return check_context(dict(os.environ))
    except Refused as error:
        pytest.exit(str(error), returncode=2)


def run(command: list[str], *, seconds: float = 1800) -> str:
    """Run a command of the seams; what it says goes to the terminal."""
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=seconds, check=False)
    if done.returncode:
        pytest.exit(f"{' '.join(command)} ended with {done.returncode}", returncode=2)
    return done.stdout


@pytest.fixture(scope="session")
def images(context: str) -> Mapping[str, str]:
    """Build the images, load them into the cluster, and give their names."""
    build = os.environ.get("MODELPORT_E2E_IMAGES", str(REPOSITORY / "scripts" / "images")).split()
    built = [line.split() for line in run(build).splitlines()]
    try:
        loader = environment_command("MODELPORT_E2E_LOAD_IMAGE")
    except Refused as error:
        pytest.exit(str(error), returncode=2)
    for _, _, file in built:
        run([*loader, file])
    return {what: name for what, name, _ in built}


@pytest.fixture(scope="session")
def helm(context: str, images: Mapping[str, str]) -> Callable[..., str]:
    """Give a function that runs a verb of helm on the release, with the values of this cluster where it takes any."""
    program = run([str(REPOSITORY / "scripts" / "helm")]).strip()

    def call(verb: str, *arguments: str, image: str = "modelport") -> str:
        command = [program, *verb.split(), "modelport", f"--namespace={SYSTEM}"]
        if verb.split()[0] in ("install", "upgrade"):
            repository, _, tag = images[image].rpartition(":")
            values = {"image": {"repository": repository, "tag": tag}, "tritonImage": images["triton"]}
            values |= {"operator": {"sharedHost": "models.example.com", "ingressClass": "traefik"}}
            command += [str(CHART), "--create-namespace", "--wait", "--timeout=3m", "--values=-"]
        else:
            values = {}
        done = subprocess.run(
            [*command, *arguments],
            input=yaml.safe_dump(values),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return call


@pytest.fixture(scope="session")
def system(context: str) -> Kube:
    """Give kubectl in the release's namespace."""
    return Kube(SYSTEM)


@pytest.fixture(scope="session")
def notes(helm: Callable[..., str], system: Kube) -> Iterator[str]:
    """Install the chart into a cluster without Modelport, and give the notes that helm prints."""
    keep = bool(os.environ.get("MODELPORT_E2E_KEEP"))
    if keep and is_installed(system):
        yield helm("upgrade")
        return
    remove(system, helm)
    for name in (SYSTEM, MODELS):
        system("create", "namespace", name)
        system("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield helm("install")
    if not keep:
        remove(system, helm)


def is_installed(system: Kube) -> bool:
    return bool(system("get", "secrets", "-l", "owner=helm,name=modelport", "-o", "name"))


def remove(system: Kube, helm: Callable[..., str]) -> None:
    """Take everything away that these tests make."""
    system("delete", "namespace", MODELS, "--ignore-not-found", "--timeout=120s", seconds=130)
    if is_installed(system):
        helm("uninstall", "--wait")
    system("delete", "namespace", SYSTEM, "--ignore-not-found", "--timeout=120s", seconds=130)
    system("delete", "crd/publishedmodels.modelport.io", "--ignore-not-found", "--timeout=60s")


@pytest.fixture(scope="session")
def kube(notes: str) -> Kube:
    """Give kubectl in the models' namespace; the operator is there."""
    return Kube(MODELS)


@pytest.fixture(scope="session")
def source(kube: Kube, images: Mapping[str, str]) -> Callable[[str], str]:
    """Give a function that says where a model lies: the examples' by their folder, and some that are broken."""
    run([str(REPOSITORY / ".venv" / "bin" / "python"), str(EXAMPLES / "build_models.py")])
    folders = sorted({Path(uri_of(manifest)).name for manifest in manifests()})
    models = {name: archive_folder(EXAMPLES / "models" / name) for name in folders}
    models |= {"sleeper": archive({"model.py": (HERE / "real_cluster" / "sleeper.py").read_bytes()})}
    models |= {"corrupt": archive({"model.onnx": b"\x08\x07this is no model"})}
    open_store(kube, images["modelport"], models)
    return lambda name: address(kube, name)


def manifests() -> list[Object]:
    """Return the examples' manifests as `modelport serve` takes them."""
    return [yaml.safe_load(path.read_text()) for path in sorted(EXAMPLES.glob("*.yaml"))]


def uri_of(manifest: Object) -> str:
    return str(manifest["spec"]["model"]["source"]["uri"])


@pytest.fixture(scope="session")
def example(source: Callable[[str], str]) -> Callable[..., Object]:
    """Give a function that returns an example under a name of its own; nothing else differs but where its files lie."""
    by_name = {manifest["metadata"]["name"]: manifest for manifest in manifests()}

    def make(which: str, name: str = "", **spec: object) -> Object:
        manifest: Object = copy.deepcopy(by_name[which])
        manifest["metadata"]["name"] = name or which
        manifest["spec"]["model"]["source"]["uri"] = source(Path(uri_of(manifest)).name)
        manifest["spec"] |= spec
        return manifest

    return make


REPORT = pytest.StashKey[Report]()


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Give the page of what is measured."""
    return request.config.stash.setdefault(REPORT, Report())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the page, and write it to the file that a variable names."""
    if page := config.stash.get(REPORT, None):
        page.write()
        terminalreporter.write(f"\n{page}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tell of a failed test what the cluster looked like."""
    report = yield
    if report.when == "call" and report.failed:
        for what in (("get", "pm,pods", "-o", "wide"), ("events",)):
            try:
                report.sections.append((f"kubectl {' '.join(what)}", Kube(MODELS)(*what)[-6000:]))
            except KubectlFailed as error:
                report.sections.append((f"kubectl {' '.join(what)}", str(error)))
    return report
