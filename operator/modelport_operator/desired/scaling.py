"""What autoscalers hold at the target: one query for each metric, in the unit of `spec.execution.autoscaling.target`.

    gateway's metrics ──► Prometheus ──► query ──► KEDA's trigger             (scaled_object.py)
                                            └──► adapter's rule ──► Pods metric (autoscaler.py)

The unit is the spec's own, since both KEDA and the adapter round to thousandths: of milliseconds there is something
left then. Every query looks back one minute, in which four scrapes lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from string import Template

from modelport.api.execution import Metric
from modelport_operator.desired.base import Context
from modelport_operator.resources import AUTOSCALER, SCALED_OBJECT, Kind, Manifest

_IDLE = "or 0 * sum by ($by) (modelport_model_ready{$of})"
"""A model that nobody has asked scores 0. One that is not scraped scores nothing, and the autoscaler says so."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How a metric of the spec is had from the gateways' series."""

    name: str
    """Of the Pods metric in `custom.metrics.k8s.io`, one value for each instance."""
    query: Template
    """PromQL; `$of` are the matchers that choose series, `$by` the labels by which they are grouped."""
    total: bool = True
    """Instances share the value out among them; False where each has the whole of it, as a latency."""

    def over_all(self, namespace: str, service: str) -> str:
        """Return the query for the one value of all instances of a model."""
        return self.query.substitute(of=f'namespace="{namespace}",service="{service}"', by="namespace")


MEASURES: Mapping[Metric, Measure] = {
    "Concurrency": Measure(
        "modelport_concurrency",
        Template(f"sum by ($by) (avg_over_time(modelport_requests_in_flight{{$of}}[1m])) {_IDLE}"),
    ),
    # A flood of requests that are refused calls for no further instance.
    "RequestRate": Measure(
        "modelport_requests_per_second",
        Template(f'sum by ($by) (rate(modelport_requests_total{{$of,code!="4xx"}}[1m])) {_IDLE}'),
    ),
    # `>= 0` drops the NaN of a minute without requests.
    "Latency": Measure(
        "modelport_latency_p95_milliseconds",
        Template(
            "1000 * histogram_quantile(0.95, sum by ($by, le) "
            f'(rate(modelport_request_duration_seconds_bucket{{$of,stage="total"}}[1m]))) >= 0 {_IDLE}'
        ),
        total=False,
    ),
    "QueueTime": Measure(
        "modelport_queue_time_milliseconds",
        Template(
            '1000 * sum by ($by) (rate(modelport_request_duration_seconds_sum{$of,stage="queue"}[1m])) / '
            f'sum by ($by) (rate(modelport_request_duration_seconds_count{{$of,stage="queue"}}[1m])) >= 0 {_IDLE}'
        ),
        total=False,
    ),
    # Without `_IDLE`: where no GPU can be seen, an idle one must not be made up.
    "GPU": Measure(
        "modelport_gpu_utilization_percent",
        Template("100 * avg by ($by) (avg_over_time(modelport_gpu_utilization_ratio{$of}[1m]))"),
        total=False,
    ),
}
"""Every metric but CPU, which Kubernetes itself measures."""

BEHAVIOR: Manifest = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 60},
            {"type": "Pods", "value": 2, "periodSeconds": 60},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
    },
}
"""Up at once, but not again before the first step can show in the last minute's figures; down after five calm minutes,
because a model that is needed again has to be fetched and loaded."""


def engine_of(context: Context) -> Kind | None:
    """Return what scales: None without autoscaling, or where KEDA is asked for and absent.

    With a schedule it is never KEDA, which starts at once what the schedule has stopped.
    """
    execution = context.model.spec.execution
    if execution.autoscaling is None:
        return None
    keda = SCALED_OBJECT if SCALED_OBJECT in context.optional and execution.schedule is None else None
    return {"HPA": AUTOSCALER, "KEDA": keda, "Auto": keda or AUTOSCALER}[execution.autoscaling.engine]


def as_number(target: float) -> str:
    """Return a target as a decimal number, rounded up to the thousandths that are told apart: never 0."""
    rounded = Decimal(repr(target)).quantize(Decimal("0.001"), ROUND_CEILING)
    return f"{rounded.normalize():f}"
