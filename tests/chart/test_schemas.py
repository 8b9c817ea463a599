"""The chart, and what the operator makes of a model, beside the schemas of every Kubernetes that is supported.

kubeconform checks strictly: a field that a version does not know is a fault. The schemas are those that the Python
package `kubernetes-validate` brings, so nothing is downloaded while the tests run.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelport.api import KeyDigests, parse_manifest
from modelport_operator.config import Config
from modelport_operator.desired import build_children
from modelport_operator.desired.base import Context

Helm = Callable[..., str]
Check = Callable[[str, str], Counter[str]]

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "charts" / "modelport"
SCENARIOS = sorted((CHART / "ci").iterdir())
SCHEMAS = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
OLDEST = 29
"""Minor version of the oldest Kubernetes that the chart takes."""
NOT_KUBERNETES = "ServiceMonitor,PrometheusRule,HTTPRoute,ScaledObject"
"""Kinds that other projects define."""


def supported() -> list[str]:
    """Return each version from the chart's oldest to the newest that there are schemas of, as `1.MINOR`."""
    minors = (int(path.name.split(".")[1]) for path in SCHEMAS.glob("v1.*-local-strict"))
    return [f"1.{minor}" for minor in sorted(minors) if minor >= OLDEST]


VERSIONS = supported()


class NotValid(AssertionError):
    """A manifest does not fit; the message is what kubeconform says of each."""


@pytest.fixture(scope="session")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Give a function that checks manifests for a version, and counts them by `valid` and `skipped`."""
    script, module = HERE.parents[1] / "scripts" / "go-program", HERE / "tools" / "kubeconform"
    built = subprocess.run([script, module], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    folder = tmp_path_factory.mktemp("schemas")
    for version in VERSIONS:
        (folder / version).mkdir()
        # Their references are meant for a server.
        definitions = (folder / version / "_definitions.json").as_uri()
        for path in (SCHEMAS / f"v{version}.0-local-strict").glob("*.json"):
            text = path.read_text().replace('"/api/_definitions.json', f'"{definitions}')
            (folder / version / path.name).write_text(text)

    def run(manifests: str, version: str) -> Counter[str]:
        location = f"{folder}/{version}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        options = ["-strict", "-output", "json", "-verbose", "-skip", NOT_KUBERNETES, "-schema-location", location]
        command = [built.stdout.strip(), *options]
        done = subprocess.run(command, input=manifests, capture_output=True, text=True, timeout=60, check=False)
        said = json.loads(done.stdout)["resources"]
        wrong = [each for each in said if each["status"] not in ("statusValid", "statusSkipped")]
        if done.returncode or wrong:
            raise NotValid("\n".join(f"{each['kind']} {each['name']}: {each['msg']}" for each in wrong) or done.stderr)
        return Counter(each["status"].removeprefix("status").lower() for each in said)

    return run


def test_the_oldest_is_the_charts_own() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["kubeVersion"] == f">={VERSIONS[0]}.0-0"


def test_the_guide_names_the_versions() -> None:
    guide = (HERE.parents[1] / "docs" / "guides" / "install.md").read_text()
    assert f"Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}" in re.sub(r"\s+", " ", guide)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_every_object_of_the_chart_fits(values: Path, version: str, helm: Helm, check: Check) -> None:
    made = helm("template", "modelport", CHART, "--values", values, "--kube-version", f"{version}.0")
    counts = check(made, version)
    objects = [each for each in yaml.safe_load_all(made) if each]
    assert counts["valid"] == len([each for each in objects if each["kind"] not in NOT_KUBERNETES.split(",")])
    assert counts.total() == len(objects)


MODEL: dict[str, Any] = {
    "model": {"format": "ONNX", "source": {"uri": "s3://models/cups/", "secretRef": {"name": "models-s3"}}},
    "execution": {
        "device": "GPU",
        "gpu": {"count": 1, "product": "NVIDIA-L4"},
        "schedule": {"windows": [{"days": ["Mon", "Tue"], "start": "08:00", "end": "18:00"}]},
        "autoscaling": {"minInstances": 1, "maxInstances": 8, "metric": "Concurrency", "target": 4},
        "pod": {"tolerations": [{"key": "gpu", "operator": "Exists"}], "sharedMemory": "1Gi"},
    },
    "access": {"ingress": {"host": "cups.example.com", "tls": {"secretName": "cups-tls"}}},
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_child_of_a_model_fits(version: str, check: Check) -> None:
    """One with a GPU, a schedule, an autoscaler and an Ingress: it has each kind of child that is Kubernetes' own."""
    metadata = {"name": "cups", "namespace": "vision", "uid": "f00d"}
    manifest = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": metadata, "spec": MODEL}
    config = Config(runtime_image="example.com/modelport:1", triton_image="example.com/triton:1")
    context = Context(
        model=parse_manifest(manifest, where="cups"),
        config=config,
        now=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        runtime_image=config.runtime_image,
        triton_image=config.triton_image,
        key_digests=KeyDigests(keys=()),
    )
    children = build_children(context)
    assert {"Deployment", "HorizontalPodAutoscaler", "Ingress", "CronJob", "NetworkPolicy"} <= {
        each["kind"] for each in children
    }
    assert check(yaml.safe_dump_all(children), version)["valid"] == len(children)


def test_a_field_that_a_version_does_not_know_is_found(check: Check) -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {"replicas": 1}}
    with pytest.raises(NotValid, match="replicas"):
        check(yaml.safe_dump(job), VERSIONS[0])


def test_a_kind_without_a_schema_is_found(check: Check) -> None:
    with pytest.raises(NotValid, match="could not find schema"):
        check("apiVersion: example.com/v1\nkind: Cup\nmetadata: {name: a}\n", VERSIONS[0])
