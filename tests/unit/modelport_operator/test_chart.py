"""The chart holds what the code makes, and offers every option of the operator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelport_operator import rbac
from modelport_operator.adapter_rules import build_adapter_rules
from modelport_operator.chart import build_files
from modelport_operator.desired.scaling import MEASURES
from modelport_operator.options import OPTIONS

CHART = Path(__file__).parents[3] / "charts" / "modelport"
ELSEWHERE = {
    "runtime_image": "image",
    "triton_image": "tritonImage",
    "image_pull_policy": "image.pullPolicy",
    "image_pull_secrets": "image.pullSecrets",
    "own_namespace": "the release's namespace",
    "health_port": "fixed",
    "leader_election": "always on",
}
"""Options that are not in `operator` of the chart's values, and where they come from."""


def values() -> Any:
    return yaml.safe_load((CHART / "values.yaml").read_text())


def test_each_file_is_what_the_code_makes() -> None:
    found = {path.name: path.read_text() for path in (CHART / "files").iterdir()}
    assert found == build_files(), "run `make chart`"


def test_the_definition_is_whole() -> None:
    crd = yaml.safe_load((CHART.parents[1] / "crds" / "publishedmodels.yaml").read_text())
    assert yaml.safe_load(build_files()["definition.yaml"]) == {"spec": crd["spec"]}


@pytest.mark.parametrize(("file", "rights"), [("rights.yaml", rbac.RIGHTS), ("own-rights.yaml", rbac.OWN_RIGHTS)])
def test_the_rights_are_those_of_the_table(file: str, rights: Any) -> None:
    assert yaml.safe_load(build_files()[file]) == {"rules": rbac.build_rules(rights)}


def test_every_option_is_a_value_and_every_value_an_option() -> None:
    told = {"".join(part.title() if n else part for n, part in enumerate(o.name.split("_"))): o.name for o in OPTIONS}
    assert {told.get(name, name) for name in values()["operator"]} == set(told.values()) - set(ELSEWHERE)


def paths(node: Any, before: str = "") -> Iterator[str]:
    """Give the path of each value; maps that are the reader's own count as one."""
    for name, below in node.items():
        yield f"{before}{name}"
        if isinstance(below, dict) and name not in ("resources", "labels", "annotations"):
            yield from paths(below, f"{before}{name}.")


def allowed(schema: Any, definitions: Any, before: str = "") -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        yield f"{before}{name}"
        target = definitions[below["$ref"].rpartition("/")[2]] if "$ref" in below else below
        yield from allowed(target, definitions, f"{before}{name}.")


def test_the_schema_knows_each_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert set(paths(values())) == set(allowed(schema, schema["definitions"])) - {"global"}


def test_the_chart_has_the_version_of_the_package() -> None:
    package = (CHART.parents[1] / "pyproject.toml").read_text()
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in package


def test_the_adapter_offers_each_metric_that_a_horizontal_pod_autoscaler_asks_for() -> None:
    rules = build_adapter_rules()["rules"]
    assert [rule["name"]["as"] for rule in rules] == [measure.name for measure in MEASURES.values()]
    assert rules[1] == {
        "seriesQuery": 'modelport_requests_total{namespace!="",pod!=""}',
        "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
        "name": {"as": "modelport_requests_per_second"},
        "metricsQuery": 'sum by (<<.GroupBy>>) (rate(modelport_requests_total{<<.LabelMatchers>>,code!="4xx"}[1m])) '
        "or 0 * sum by (<<.GroupBy>>) (modelport_model_ready{<<.LabelMatchers>>})",
    }
