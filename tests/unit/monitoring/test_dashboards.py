"""The dashboards' JSON, as Grafana takes it: what must be there, what must be unique, and names that exist."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelport.gateway.metrics.table import DECLARED, Kind
from modelport_operator.metrics import METRICS

CHART = Path(__file__).parents[3] / "charts" / "modelport"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((CHART / "dashboards").glob("*.json"))}
RULES = [
    rule
    for path in sorted((CHART / "rules").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]

HISTOGRAM = ("_bucket", "_sum", "_count")
COUNTED = {"counter": ("_total",), "histogram": HISTOGRAM, "gauge": ("",)}
NAMES = {
    *(name + suffix for row in DECLARED for name in [row.name] for suffix in HISTOGRAM if row.kind is Kind.HISTOGRAM),
    *(row.name for row in DECLARED if row.kind is not Kind.HISTOGRAM),
    *(metric.name + suffix for metric in METRICS for suffix in COUNTED[metric.kind.__name__.lower()]),
    *(rule["record"] for rule in RULES if "record" in rule),
    "container_cpu_usage_seconds_total",  # the kubelet's
    "container_memory_working_set_bytes",
}
"""Of every series that is there to be asked for."""

UNITS = {"short", "reqps", "ops", "s", "h", "bytes", "Bps", "percentunit", "watt"}
"""Of Grafana's: packages/grafana-data/src/valueFormats/categories.ts."""


def panels(dashboard: Any) -> Iterator[Any]:
    """Yield the panels that ask something."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where each expression stands, and the expression."""
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield f"{name}: {panel['title']} {target['refId']}", target["expr"]
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{name}: ${variable['name']}", variable["definition"]
    for rule in RULES:
        yield f"rule {rule.get('alert') or rule['record']}", rule["expr"]


def test_both_dashboards_and_rules_are_there() -> None:
    assert set(DASHBOARDS) == {"fleet", "model"}
    assert len(RULES) > 15


@pytest.mark.parametrize(("where", "expression"), [pytest.param(*each, id=each[0]) for each in expressions()])
def test_asks_for_series_that_exist(where: str, expression: str) -> None:
    asked = set(re.findall(r"\b(?:model:\w+:\w+|(?:modelport|container)_\w+)", expression))
    assert asked or "ALERTS" in expression, f"{where} asks for nothing of ours"
    assert asked <= NAMES


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
class TestGrafana:
    """https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/"""

    def test_the_page_says_what_it_is(self, dashboard: Any) -> None:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", dashboard["uid"])
        assert dashboard["title"]
        assert dashboard["description"]
        assert "modelport" in dashboard["tags"]
        assert dashboard["schemaVersion"] >= 36, "older ones name data sources otherwise"
        assert "id" not in dashboard, "Grafana numbers dashboards itself"

    def test_every_panel_asks_the_readers_prometheus(self, dashboard: Any) -> None:
        first, *others = dashboard["templating"]["list"]
        assert (first["type"], first["query"]) == ("datasource", "prometheus")
        reference = {"type": "prometheus", "uid": f"${{{first['name']}}}"}
        targets = [target for panel in panels(dashboard) for target in panel["targets"]]
        assert [
            each["datasource"] for each in [*others, *panels(dashboard), *targets] if each["datasource"] != reference
        ] == []

    def test_every_variable_that_is_used_is_one(self, dashboard: Any) -> None:
        own = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard, ensure_ascii=False)))
        assert used - own == {"__all", "__range", "__rate_interval"} & used
        assert own <= used

    def test_panels_have_ids_titles_units_and_letters_of_their_own(self, dashboard: Any) -> None:
        numbers = [panel["id"] for panel in dashboard["panels"]]
        titles = [panel["title"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)
        assert len(set(titles)) == len(titles)
        assert all(titles)
        for panel in panels(dashboard):
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
            letters = [target["refId"] for target in panel["targets"]]
            assert letters
            assert letters == sorted(set(letters))
            assert all(target["expr"] and target["instant"] != target["range"] for target in panel["targets"])

    def test_several_series_of_a_panel_can_be_told_apart(self, dashboard: Any) -> None:
        for panel in panels(dashboard):
            legends = [target["legendFormat"] for target in panel["targets"]]
            assert len(set(legends)) == len(legends), panel["title"]

    def test_panels_lie_on_the_grid_side_by_side(self, dashboard: Any) -> None:
        places = [(panel["title"], panel["gridPos"]) for panel in dashboard["panels"]]
        for title, place in places:
            assert place["x"] >= 0, title
            assert place["x"] + place["w"] <= 24, title
            assert min(place["w"], place["h"], place["y"] + 1) >= 1, title
        for (one, a), (other, b) in itertools.combinations(places, 2):
            apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], f"{one} lies over {other}"

    def test_a_tables_columns_have_their_titles(self, dashboard: Any) -> None:
        for panel in panels(dashboard):
            if panel["type"] != "table":
                assert panel["transformations"] == []
                continue
            merge, organize = panel["transformations"]
            assert merge["id"] == "merge"
            renamed = organize["options"]["renameByName"]
            assert set(renamed) == {f"Value #{target['refId']}" for target in panel["targets"]}
            units = {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}
            assert units == set(renamed.values())
