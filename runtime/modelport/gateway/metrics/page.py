"""Prints the reference page of the metrics from their table; `python -m modelport.gateway.metrics` is its command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelport.gateway.metrics import table
from modelport.gateway.metrics.table import DECLARED, STAGES, Declared

INTRODUCTION = """\
# Metrics

The gateway answers `GET /metrics` on its metrics port (9090 by default), which no Ingress leads to. A scraper that
accepts `application/openmetrics-text`, as Prometheus does, gets OpenMetrics 1.0, with exemplars on the latency
histogram's stage `total` (`trace_id` where the request brought a `traceparent`, else `request_id`); any other gets
Prometheus' text format. With several worker processes each of them answers for all, without exemplars.

This page is printed from the code by `python -m modelport.gateway.metrics`, and a test keeps the two equal.
"""

LABELS: Mapping[str, str] = {
    "model": "the model's name in URLs; empty for a request that named no model that is served",
    "namespace": "of the PublishedModel; `default` where its manifest names none",
    "api": "the wire format, as in `spec.apis`",
    "version": "the model's version that answered; empty where none was reached",
    "code": "the class of the HTTP status: `2xx`, `4xx`, `5xx`; a client that left counts as `4xx`",
    "reason": "the cause of an error, a fixed word such as `bad_request`, `rate_limited`, `queue_full`; "
    "of flagged pictures `denied`, `missing`, `full`, `unreachable`, `unusable`, `changed`, `stopped`, `other`",
    "stage": "; ".join(f"`{stage}` {meaning}" for stage, meaning in STAGES.items()),
    "key": "the name of a key, never its value",
    "gpu": "the device's number on this machine; empty where Triton tells the figure",
    "uuid": "the device's own id",
    "device": "the device's product name; empty where Triton tells the figure",
}

STATISTICS: Mapping[str, str] = {
    "Uptime": f"{table.UPTIME.name}",
    "Request Rate": f"sum by (model) (rate({table.REQUESTS.name}[5m]))",
    "Error Rate": f"sum by (model) (rate({table.ERRORS.name}[5m]))",
    "Latency": "histogram_quantile(0.95, sum by (model, le) "
    f'(rate({table.DURATION.name}_bucket{{stage="total"}}[5m])))',
    "Concurrent Requests": f"sum by (model) ({table.IN_FLIGHT.name})",
    "CPU Usage": f"rate({table.CPU_SECONDS.name}[5m])",
    "Memory Usage": f"{table.MEMORY.name}",
    "GPU Usage": f"{table.GPU_MEMORY_USED.name}",
}
"""The statistics of the Nexus document's table, each as a query."""

CLOSING = """\
## Availability

    modelport_model_uptime_seconds_total
      / (modelport_model_uptime_seconds_total + modelport_model_unplanned_downtime_seconds_total)

Planned downtime is in neither: a model that its schedule stops is not unavailable. The accounts are kept once a second
by the gateway itself, so they say nothing of the time in which the gateway did not run.

## CPU, memory and GPU

In a container CPU and memory are read from its cgroup (v2 or v1), as the kubelet counts them: memory is the working
set, usage less inactive file cache. In a Pod this is the gateway's container; Triton's has figures of its own.
Elsewhere they are summed over the processes of `modelport serve`, Triton among them.

GPU figures come from NVML where the gateway can see the devices, else from Triton's `nv_gpu_*`. Where there is no GPU
the series are absent, not 0.

## Triton's own metrics

Every `nv_*` metric of [Triton](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html)
is handed on under its own name. In Prometheus' text format the lines are unchanged. OpenMetrics wants counters to be
named `…_total`, which Triton's are not: they keep their names there and are declared `unknown`, so that a dashboard
made for Triton finds the same series in either format. Where Triton does not answer within a second they are left out
and `modelport_triton_up` is 0.
"""


def build_page() -> str:
    """Return `docs/reference/metrics.md`."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield "## All metrics\n"
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    yield from (_row(declared) for declared in DECLARED)
    yield "\n## Labels\n"
    yield "| label | value |"
    yield "|---|---|"
    yield from (f"| `{label}` | {meaning} |" for label, meaning in LABELS.items())
    yield "\n## The statistics of a deployment\n"
    yield "The rows of the statistics table in Datature Nexus' document, and the metric that answers each.\n"
    yield "| statistic | metric | query |"
    yield "|---|---|---|"
    for statistic, query in STATISTICS.items():
        names = ", ".join(f"`{declared.name}`" for declared in DECLARED if declared.statistic == statistic)
        yield f"| {statistic} | {names} | `{query}` |"
    yield ""
    yield CLOSING.rstrip("\n") + "\n"


def _row(declared: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in declared.labels)
    meaning = declared.help
    if declared.buckets:
        meaning += f" Buckets from {declared.buckets[0]:g} to {declared.buckets[-1]:g}."
    if declared.absent:
        meaning += f" Absent {declared.absent}."
    return f"| `{declared.name}` | {declared.kind.value} | {labels} | {meaning} |"
