"""The queries behind autoscaling ask for series that the gateway has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from modelport.api.execution import Metric
from modelport.gateway.metrics import table
from modelport.gateway.metrics.table import Declared, Kind
from modelport_operator.desired.scaling import MEASURES, Measure

REPOSITORY = Path(__file__).parents[3]
SERIES = re.compile(r"(?P<name>modelport_\w+)\{(?P<matchers>[^}]*)\}")
OF_TARGET = {"namespace", "service", "pod"}
"""Labels that a scrape puts on every series."""


def series_of(metric: Declared) -> set[str]:
    if metric.kind is Kind.HISTOGRAM:
        return {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
    return {metric.name}


DECLARED = {series: metric for metric in table.DECLARED for series in series_of(metric)}


def test_every_metric_of_the_spec_but_cpu_has_its_measure() -> None:
    assert set(MEASURES) == set(get_args(Metric)) - {"CPU"}


def test_each_has_a_name_of_its_own_that_no_series_has() -> None:
    names = [measure.name for measure in MEASURES.values()]
    assert len(set(names)) == len(names)
    assert not set(names) & set(DECLARED)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_the_gateway_has_each_series_and_label(measure: Measure) -> None:
    found = list(SERIES.finditer(measure.over_all("vision", "cups")))
    assert found
    for series in found:
        assert series["name"] in DECLARED
        labels = set(re.findall(r"(\w+)!?=", series["matchers"]))
        assert labels - OF_TARGET <= set(DECLARED[series["name"]].labels)
        assert {"namespace", "service"} <= labels
    for stage in re.findall(r'stage="(\w+)"', measure.query.template):
        assert stage in table.STAGES


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_one_value_comes_out_for_all_instances_and_one_for_each_pod(measure: Measure) -> None:
    assert "$" not in measure.over_all("vision", "cups")
    by_pod = measure.query.substitute(of='namespace="vision"', by="namespace, pod")
    assert by_pod.count("by (namespace, pod") == measure.over_all("vision", "cups").count("by (namespace")


def test_an_idle_model_scores_nothing_but_a_gpu_is_never_made_up() -> None:
    idle = {metric for metric, measure in MEASURES.items() if "modelport_model_ready" in measure.query.template}
    assert idle == set(MEASURES) - {"GPU"}


def test_the_guide_names_each_metric_and_shows_a_rule_as_it_is() -> None:
    guide = " ".join((REPOSITORY / "docs" / "guides" / "autoscaling.md").read_text().split())
    for metric, measure in MEASURES.items():
        assert re.search(rf"\| `{metric}` \|[^|]*\|[^|]*\| `{measure.name}` \|", guide)
    rule = MEASURES["Concurrency"].query.substitute(of="<<.LabelMatchers>>", by="<<.GroupBy>>")
    assert rule in guide
