"""What prometheus-adapter is told, so that a HorizontalPodAutoscaler finds our metrics; from `desired/scaling.py`."""

from __future__ import annotations

import re

from modelport_operator.desired.scaling import MEASURES, Measure
from modelport_operator.resources import Manifest


def build_adapter_rules() -> Manifest:
    """Return the configuration of prometheus-adapter: one rule for each metric, with a value for each Pod."""
    return {"rules": [_build_rule(measure) for measure in MEASURES.values()]}


def _build_rule(measure: Measure) -> Manifest:
    query = measure.query.substitute(of="<<.LabelMatchers>>", by="<<.GroupBy>>")
    series = re.findall(r"modelport_\w+", query)[0]  # its Pods are those that have the metric
    return {
        "seriesQuery": f'{series}{{namespace!="",pod!=""}}',
        "resources": {"overrides": {label: {"resource": label} for label in ("namespace", "pod")}},
        "name": {"as": measure.name},
        "metricsQuery": query,
    }
