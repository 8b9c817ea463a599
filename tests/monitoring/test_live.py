"""Every panel's query and every rule, asked of a real Prometheus over a real server: none may be empty.

What one machine cannot have is scraped of stand-ins: GPUs, limits, the kubelet's figures and the operator's.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from watched.drawing import Named, draw_dashboard
from watched.panels import ANY, DASHBOARDS, Model, ask, fill, in_legend, panels, read
from watched.prometheus import Prometheus

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(300)]  # the first one starts everything

SHAPES: Model = ("default", "shapes")
ON_GPU: Model = ("vision", "on-gpu")
KEPT: Model = ("default", "kept")
LOST: Model = ("default", "lost")

SEEN_OF: Mapping[str, Sequence[Model]] = {
    "CPU": [ON_GPU],
    "Memory": [ON_GPU],
    "GPU utilization": [ON_GPU],
    "GPU memory": [ON_GPU],
    "GPU power": [ON_GPU],
    "Monthly quota used": [("default", "quota")],
    "On their way": [KEPT],
    "Stored and lost": [KEPT, LOST],
}
"""Models by which a panel of the model dashboard is tried, unless it is `shapes`."""

ONLY_IN_PODS = {"pod"}
"""Labels of legends that only a cluster gives."""


def cases() -> Iterator[Any]:
    for name in DASHBOARDS:
        for panel in panels(name):
            models = [ANY] if name == "fleet" else SEEN_OF.get(panel["title"], [SHAPES])
            for target in panel["targets"]:
                yield pytest.param(target, models, id=f"{name}: {panel['title']} {target['refId']}")


@pytest.mark.parametrize(("target", "models"), list(cases()))
def test_a_panels_query_is_answered(prometheus: Prometheus, target: Any, models: Sequence[Model]) -> None:
    found = [series for model in models for series in ask(prometheus, target, model)]
    assert found, f"nothing for {target['expr']}"
    assert any(math.isfinite(value) for series in found for _, value in series.points)
    for series in found:
        assert in_legend(target) - ONLY_IN_PODS <= set(series.labels)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_variables_have_values(prometheus: Prometheus, name: str) -> None:
    queries = [each["definition"] for each in DASHBOARDS[name]["templating"]["list"] if each["type"] == "query"]
    assert queries
    for query in queries:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert found, query
        assert prometheus.label_values(found[2], fill(found[1], SHAPES))


def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    assert len(rules) > 15
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_every_recorded_series_is_there(prometheus: Prometheus) -> None:
    recorded = [rule["name"] for rule in prometheus.rules() if rule["type"] == "recording"]
    assert recorded
    assert [name for name in recorded if not prometheus.ask(name)] == []


def test_alerts_ask_for_series_that_are_there(prometheus: Prometheus) -> None:
    """Without their matchers and thresholds, which choose trouble that is not there."""
    for rule in prometheus.rules():
        if rule["type"] == "alerting":
            for name in re.findall(r"\b(?:model:\w+:\w+|modelport_\w+)", rule["query"]):
                assert prometheus.ask(name), f"{rule['name']}: nothing for {name}"


def test_alerts_fire_for_what_is_wrong_and_nothing_else(prometheus: Prometheus) -> None:
    """The closed model is no outage, and pictures whose folder is gone are one."""
    ours = [series.labels for series in prometheus.ask('ALERTS{alertname=~"Modelport.*"}')]
    assert {(each["alertname"], each.get("model") or each["name"]) for each in ours} == {
        ("ModelportSinkFails", "lost"),
        ("ModelportModelFailed", "broken"),
    }


def test_a_planned_stop_is_no_failure(prometheus: Prometheus) -> None:
    of = '{model="closed"}'
    assert prometheus.ask('modelport_errors_total{reason="stopped_by_schedule",model="closed"}')
    assert prometheus.ask(f"modelport_model_planned_downtime_seconds_total{of} > 0")
    assert prometheus.ask(f"model:modelport_requests_failed:rate5m{of} > 0") == []
    assert prometheus.ask(f"modelport_model_unplanned_downtime_seconds_total{of} > 0") == []


@pytest.mark.parametrize(
    ("model", "word"),
    [(SHAPES, "up"), (("default", "closed"), "stopped as planned"), (("vision", "down"), "down")],
    ids=lambda value: value if isinstance(value, str) else value[1],
)
def test_the_timeline_says_what_a_model_does(prometheus: Prometheus, model: Model, word: str) -> None:
    panel = next(panel for panel in panels("model") if panel["type"] == "state-timeline")
    words = {
        float(value): each["text"] for value, each in panel["fieldConfig"]["defaults"]["mappings"][0]["options"].items()
    }
    (series,) = ask(prometheus, panel["targets"][0], model)
    assert {words[value] for _, value in series.points[-3:]} == {word}


def test_all_targets_are_scraped(prometheus: Prometheus) -> None:
    assert prometheus.targets() == {"modelport": "up", "pod": "up", "kubelet": "up", "operator": "up"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_are_drawn(prometheus: Prometheus, name: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("MODELPORT_PLOTS", tmp_path))
    answers: dict[int, Named] = {}
    for panel in panels(name):
        models = [ANY] if name == "fleet" else SEEN_OF.get(panel["title"], [SHAPES])
        answers[panel["id"]] = read(prometheus, panel, models)
    draw_dashboard(folder / f"{name}.png", DASHBOARDS[name], answers)
    assert (folder / f"{name}.png").stat().st_size > 20_000
