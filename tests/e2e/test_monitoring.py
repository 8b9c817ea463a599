"""A Prometheus in the cluster, over real Pods, by the chart's own monitors and rules: every panel has data.

`MODELPORT_PLOTS=DIR` keeps the drawings of the dashboards there.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from real_cluster.kubectl import Kube, Object, eventually
from real_cluster.monitors import KINDS, definition, run_prometheus
from watched.drawing import draw_dashboard
from watched.panels import ANY, DASHBOARDS, Model, ask, in_legend, panels, read
from watched.prometheus import Prometheus

NAME, QUOTA = "watched", "watched-quota"
WATCHED: Model = ("models", "watched")
SETTLE_SECONDS = 240
"""For rates that need two scrapes, and rules that look at what others have recorded."""
OTHERS: Mapping[str, Model] = {"Monthly quota used": ("models", "quota")}
"""Models by which a panel of the model dashboard is tried, unless it is `watched`."""
NOT_HERE = {
    *("Utilization by GPU", "Memory in use by GPU", "Power", "GPU utilization", "GPU memory", "GPU power"),
    *("On their way", "Stored and lost"),
}
"""Panels of what this cluster has not: GPUs, and a place for flagged pictures."""
NOT_IN_PODS = {("CPU", "modelport_cpu_limit_cores")}
"""Panel and metric: the gateway's container has no limit of CPU."""


@pytest.fixture(scope="module")
def monitored(kube: Kube, system: Kube, helm: Callable[..., str]) -> Iterator[Kube]:
    """Upgrade the release to one that brings monitors and rules, in a cluster that has those kinds."""
    kinds = [definition(kind) for kind in KINDS]
    system.apply(*kinds)
    for kind in kinds:
        system("wait", "--for=condition=Established", f"crd/{kind['metadata']['name']}", "--timeout=30s")
    # The operator counts models by state at each resync.
    settings = ("serviceMonitor.enabled", "prometheusRules.enabled", "dashboards.enabled")
    helm("upgrade", *(f"--set={each}=true" for each in settings), "--set=operator.resyncSeconds=20")
    yield kube
    helm("upgrade")
    system("delete", "crd", *(kind["metadata"]["name"] for kind in kinds))


@pytest.fixture(scope="module")
def prometheus(monitored: Kube, system: Kube, example: Callable[..., Object]) -> Iterator[Prometheus]:
    """Watch a model with two instances, and one with a quota, while they are asked rightly and wrongly."""
    watched = example("half-plus-two", NAME, execution={"instances": 2})
    quota = example("half-plus-two", QUOTA, execution={"type": "Serverless", "serverless": {"requestQuota": 9999}})
    for manifest, name in ((watched, "watched"), (quota, "quota")):
        manifest["spec"]["model"]["name"] = name
    monitored.apply(watched, quota)
    try:
        monitored.wait_settled(NAME, 2)
        monitored.wait_ready(QUOTA)
        with watch(monitored, system) as prometheus:
            yield prometheus
    finally:
        monitored("delete", f"pm/{NAME}", f"pm/{QUOTA}")


@contextmanager
def watch(monitored: Kube, system: Kube) -> Iterator[Prometheus]:
    """Run a Prometheus over what the cluster's monitors name, until its rules have recorded something."""
    monitors = [monitored.get(f"servicemonitors/{name}") for name in (NAME, QUOTA)]
    monitors.append(system.get("servicemonitors/modelport-operator"))
    rules = system.get("prometheusrules")["items"]
    image = os.environ.get("MODELPORT_E2E_PROMETHEUS", "prom/prometheus:v3.5.0")
    with (
        asked(monitored, NAME, "watched"),
        asked(monitored, QUOTA, "quota"),
        run_prometheus(image, monitors, rules) as prometheus,
    ):
        eventually(lambda: prometheus.ask("model:modelport_requests_failed:rate5m"), SETTLE_SECONDS)
        yield prometheus


@contextmanager
def asked(kube: Kube, name: str, model: str) -> Iterator[None]:
    """Ask a model several times a second, now and then wrongly, for as long as the block runs."""
    ended = threading.Event()
    key = kube.key(name)

    def drive(url: str) -> None:
        with requests.Session() as session:
            for number in itertools.count():
                body = {"instances": [1.0, 2.0]} if number % 7 else {"wrong": 1}
                headers = {"x-api-key": key if number % 5 else "wrong"}
                session.post(f"{url}/v1/models/{model}:predict", json=body, headers=headers, timeout=30)
                if ended.wait(0.2):
                    return

    # Through a Service, port-forward leads to one Pod alone; each of them is to be seen at work.
    with ExitStack() as stack:
        pods = [f"pod/{pod['metadata']['name']}" for pod in kube.pods(name)]
        urls = [stack.enter_context(kube.forwarded(pod, 8080)) for pod in pods]
        drivers = [threading.Thread(target=drive, args=(url,)) for url in urls]
        for driver in drivers:
            driver.start()
        try:
            yield
        finally:
            ended.set()
            for driver in drivers:
                driver.join()


def model_of(dashboard: str, panel: Any) -> Model:
    return ANY if dashboard == "fleet" else OTHERS.get(panel["title"], WATCHED)


def cases() -> Iterator[Any]:
    for name in DASHBOARDS:
        for panel in panels(name):
            if panel["title"] not in NOT_HERE:
                for target in panel["targets"]:
                    model = model_of(name, panel)
                    if (panel["title"], target["expr"].split()[0]) in NOT_IN_PODS:
                        continue
                    yield pytest.param(target, model, id=f"{name}: {panel['title']} {target['refId']}")


def test_every_instance_is_scraped(prometheus: Prometheus, monitored: Kube, system: Kube) -> None:
    def there() -> set[str]:
        pods = [*monitored.pods(NAME), *monitored.pods(QUOTA)]
        pods += [pod for pod in system.get("pods")["items"] if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"]["name"] for pod in pods} | {"node"}

    def up() -> dict[str, float]:
        return {series.labels.get("pod", "node"): series.points[-1][1] for series in prometheus.ask("up")}

    eventually(lambda: up() == dict.fromkeys(there(), 1), 60, lambda: f"{up()}, expected {there()}")


@pytest.mark.parametrize(("target", "model"), list(cases()))
def test_a_panels_query_is_answered(prometheus: Prometheus, target: Any, model: Model) -> None:
    eventually(lambda: ask(prometheus, target, model), 60, lambda: f"nothing for {target['expr']}")
    for series in ask(prometheus, target, model):
        assert in_legend(target) <= set(series.labels)


def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    assert len(rules) > 15
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["type"] == "recording" and not prometheus.ask(rule["name"])] == []


def test_no_alert_fires_for_models_that_are_well(prometheus: Prometheus) -> None:
    firing = prometheus.ask('ALERTS{alertname=~"Modelport.*",alertstate="firing"}')
    assert [series.labels for series in firing] == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_are_drawn(prometheus: Prometheus, name: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("MODELPORT_PLOTS", tmp_path))
    answers = {panel["id"]: read(prometheus, panel, [model_of(name, panel)]) for panel in panels(name)}
    draw_dashboard(folder / f"{name}.png", DASHBOARDS[name], answers)
    assert (folder / f"{name}.png").stat().st_size > 20_000
