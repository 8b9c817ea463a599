"""The condition Scaling: whether the autoscaler can do its work, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelport_operator.desired.base import Context
from modelport_operator.keys import Keys
from modelport_operator.resources import AUTOSCALER, SCALED_OBJECT, Kind
from modelport_operator.status.conditions import Finding, is_scaling
from modelport_operator.status.facts import Facts

HPA, OBJECT, OF_KEDA = (AUTOSCALER, "cups"), (SCALED_OBJECT, "cups"), (AUTOSCALER, "keda-hpa-cups")


def told(name: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": name, "status": status, "reason": reason, "message": message}]}}


CASES: dict[str, tuple[str, str, bool, dict[tuple[Kind, str], Any], Finding]] = {
    "an autoscaler that has said nothing yet": (
        "Concurrency",
        "Auto",
        False,
        {HPA: {}},
        Finding("Unknown", "NotTold", "the autoscaler has not looked at its metric yet"),
    ),
    "an autoscaler that knows what to scale and not yet by what": (
        "Concurrency",
        "Auto",
        False,
        {HPA: told("AbleToScale", "True", "SucceededGetScale")},
        Finding("Unknown", "NotTold", "the autoscaler has not looked at its metric yet"),
    ),
    "an autoscaler at work": (
        "Latency",
        "Auto",
        False,
        {HPA: told("ScalingActive", "True", "ValidMetricFound")},
        Finding("True", "Active", "the number of instances follows Latency"),
    ),
    "an autoscaler that a schedule has stopped": (
        "Latency",
        "Auto",
        False,
        {HPA: told("ScalingActive", "False", "ScalingDisabled")},
        Finding("True", "Active", "the number of instances follows Latency"),
    ),
    "no adapter": (
        "Latency",
        "Auto",
        False,
        {HPA: told("ScalingActive", "False", "FailedGetPodsMetric", "no custom metrics API")},
        Finding(
            "False",
            "FailedGetPodsMetric",
            "metric Latency needs a Prometheus adapter that offers modelport_latency_p95_milliseconds: "
            "no custom metrics API",
        ),
    ),
    "no request for CPU": (
        "CPU",
        "HPA",
        False,
        {HPA: told("ScalingActive", "False", "FailedGetContainerResourceMetric", "missing request for cpu")},
        Finding(
            "False",
            "FailedGetContainerResourceMetric",
            "metric CPU needs metrics-server, and a request for cpu in spec.execution.resources: "
            "missing request for cpu",
        ),
    ),
    "a trigger that finds nothing, which KEDA's own autoscaler tells": (
        "Concurrency",
        "Auto",
        True,
        {
            OBJECT: told("Ready", "True", "ScaledObjectReady"),
            OF_KEDA: told("ScalingActive", "False", "FailedGetExternalMetric", "the result is empty"),
        },
        Finding(
            "False",
            "FailedGetExternalMetric",
            "metric Concurrency needs a Prometheus at http://prometheus:9090 that scrapes the model: "
            "the result is empty",
        ),
    ),
    "KEDA at work": (
        "Concurrency",
        "KEDA",
        True,
        {OBJECT: told("Ready", "True", "ScaledObjectReady"), OF_KEDA: {}},
        Finding("True", "Active", "the number of instances follows Concurrency"),
    ),
    "KEDA is asked for and absent": (
        "Concurrency",
        "KEDA",
        False,
        {},
        Finding("False", "KindMissing", "engine KEDA needs KEDA, which is not installed"),
    ),
    "nothing could be written": (
        "Concurrency",
        "Auto",
        False,
        {},
        Finding("False", "NotApplied", "the autoscaler could not be written"),
    ),
}


@pytest.mark.parametrize(("metric", "engine", "keda", "children", "expected"), CASES.values(), ids=CASES)
def test_scaling_is_told(
    metric: str,
    engine: str,
    keda: bool,
    children: dict[tuple[Kind, str], Any],
    expected: Finding,
    build_context: Callable[..., Context],
) -> None:
    autoscaling = {"maxInstances": 4, "target": 4, "metric": metric, "engine": engine}
    context = build_context(
        {"execution": {"autoscaling": autoscaling}},
        optional=frozenset({SCALED_OBJECT} if keda else ()),
        prometheus_address="http://prometheus:9090",
    )
    assert is_scaling(Facts(context, {}, children, Keys(None, {}))) == expected


def test_nothing_is_told_of_a_fixed_number(build_context: Callable[..., Context]) -> None:
    assert is_scaling(Facts(build_context(), {}, {}, Keys(None, {}))) is None
