"""The panels of the chart's dashboards, and their queries as Grafana asks them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from watched.prometheus import Prometheus, Series

DASHBOARDS = {
    path.stem: json.loads(path.read_text())
    for path in (Path(__file__).parents[3] / "charts/modelport/dashboards").glob("*.json")
}
RANGE_SECONDS = 60

Model = tuple[str, str]
"""Namespace and name."""
ANY: Model = (".*", "")


def panels(name: str) -> Iterator[Any]:
    return (panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row")


def fill(expression: str, model: Model) -> str:
    """Put the reader's choices in, as Grafana does."""
    values = {"__rate_interval": "60s", "__range": "120s", "namespace": model[0], "model": model[1]}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expression)


def ask(prometheus: Prometheus, target: Any, model: Model) -> list[Series]:
    expression = fill(target["expr"], model)
    return prometheus.ask(expression) if target["instant"] else prometheus.ask_range(expression, RANGE_SECONDS)


def in_legend(target: Any) -> set[str]:
    return set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))


def read(prometheus: Prometheus, panel: Any, models: Sequence[Model]) -> list[tuple[str, Series]]:
    """Return all series of a panel, each with its name in the legend."""
    return [
        (name_in_legend(target, series), series)
        for target in panel["targets"]
        for model in models
        for series in ask(prometheus, target, model)
    ]


def name_in_legend(target: Any, series: Series) -> str:
    """Return what Grafana writes beside a series."""
    legend = target["legendFormat"]
    if target["format"] == "table":
        return f"{legend} {series.labels.get('model', '')}"
    if legend == "__auto":
        return " ".join(series.labels.values()) or "value"
    return re.sub(r"\{\{(\w+)\}\}", lambda found: series.labels.get(found[1], ""), legend).strip()
