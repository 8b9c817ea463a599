"""The model dashboard: one published model, from its uptime down to the machine it runs on."""

from __future__ import annotations

from typing import Final

from monitoring.grafana import Dashboard, Kind, Panel, Query, Row, Variable

_OF: Final = 'namespace="$namespace",model="$model"'
_ITS_GATEWAYS: Final = "and on (job, instance) modelport_model_ready{@of}"
"""What a gateway says of its process or its GPUs bears no model's name: it is joined by what was scraped."""


def _query(expr: str, legend: str = "") -> Query:
    """Return a query in which `@of` chooses the series of the reader's model."""
    return Query(expr.replace("@of", _OF), legend)


def _container(metric: str) -> str:
    """Return a series that the kubelet (cAdvisor) tells of Triton's container, in the model's Pods."""
    return f'{metric}{{namespace="$namespace",container="triton"}}'


_TIMES: Final = (
    ("modelport_model_uptime_seconds_total", "up"),
    ("modelport_model_planned_downtime_seconds_total", "stopped as planned"),
    ("modelport_model_unplanned_downtime_seconds_total", "down"),
)
_UP, _PLANNED, _DOWN = (f"sum(increase({metric}{{@of}}[$__range]))" for metric, _ in _TIMES)
_UP_NOW, _PLANNED_NOW, _DOWN_NOW = (f"rate({metric}{{@of}}[$__rate_interval])" for metric, _ in _TIMES)

_UPTIME: Final = Row(
    "Uptime",
    [
        Panel(
            "Availability",
            Kind.STAT,
            [_query(f"{_UP} / ({_UP} + {_DOWN}) >= 0")],
            unit="percentunit",
            about="Share of the time in which the model should have answered and did. Planned downtime counts on "
            "neither side.",
            width=4,
            steps=((None, "red"), (0.99, "orange"), (0.999, "green")),
        ),
        Panel(
            "Time, summed over instances",
            Kind.STAT,
            [_query(expr, name) for expr, (_, name) in zip((_UP, _PLANNED, _DOWN), _TIMES, strict=True)],
            unit="s",
        ),
        Panel(
            "Schedule and outages",
            Kind.TIMELINE,
            [
                _query(
                    f"1 + ({_PLANNED_NOW} > bool {_UP_NOW} + {_DOWN_NOW}) "
                    f"- ({_DOWN_NOW} > bool {_UP_NOW} + {_PLANNED_NOW})",
                    "{{pod}} {{instance}}",
                )
            ],
            about="A line for each instance; where there is none, no instance ran: in a cluster a schedule stops all.",
            width=12,
            words={0: ("down", "red"), 1: ("up", "green"), 2: ("stopped as planned", "blue")},
        ),
        Panel(
            "Instances by what they do",
            Kind.TIME_SERIES,
            [_query(f"sum(rate({metric}{{@of}}[$__rate_interval]))", name) for metric, name in _TIMES],
            stacked=True,
        ),
        Panel(
            "Cold starts",
            Kind.TIME_SERIES,
            [
                _query(
                    "sum(modelport_cold_start_seconds_sum{@of}) / sum(modelport_cold_start_seconds_count{@of})", "mean"
                ),
            ],
            unit="s",
            about="From the wish to serve the model until it first answered, of the instances that run.",
        ),
        Panel(
            "Triton came back",
            Kind.TIME_SERIES,
            [
                _query(
                    f"increase(modelport_triton_restarts_total[$__rate_interval]) {_ITS_GATEWAYS}",
                    "{{pod}} {{instance}}",
                )
            ],
            about="Times that it answered again after it had been gone.",
        ),
    ],
)

_TRAFFIC: Final = Row(
    "Traffic",
    [
        Panel(
            "Requests by API and status",
            Kind.TIME_SERIES,
            [_query("sum by (api, code) (rate(modelport_requests_total{@of}[$__rate_interval]))", "{{api}} {{code}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Errors by reason",
            Kind.TIME_SERIES,
            [_query("sum by (reason) (rate(modelport_errors_total{@of}[$__rate_interval]))", "{{reason}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Failed requests",
            Kind.TIME_SERIES,
            [_query("model:modelport_requests_failed:ratio_rate5m{@of}", "last 5 minutes")],
            unit="percentunit",
            about="Of the requests that should have been answered. Callers' own mistakes and planned stops are not "
            "among them.",
        ),
        Panel(
            "Requests by version",
            Kind.TIME_SERIES,
            [
                _query(
                    'sum by (version) (rate(modelport_requests_total{@of,version!=""}[$__rate_interval]))',
                    "{{version}}",
                )
            ],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Use by key",
            Kind.TIME_SERIES,
            [_query("sum by (key) (rate(modelport_key_requests_total{@of}[$__rate_interval]))", "{{key}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Bytes",
            Kind.TIME_SERIES,
            [
                _query("sum(rate(modelport_request_bytes_total{@of}[$__rate_interval]))", "requests"),
                _query("sum(rate(modelport_response_bytes_total{@of}[$__rate_interval]))", "answers"),
            ],
            unit="Bps",
        ),
    ],
)


def _percentile(quantile: str, by: str, stages: str) -> str:
    series = f"modelport_request_duration_seconds_bucket{{@of,{stages}}}"
    return f"histogram_quantile({quantile}, sum by ({by}) (rate({series}[$__rate_interval])))"


_LATENCY: Final = Row(
    "Latency",
    [
        Panel(
            "Whole request",
            Kind.TIME_SERIES,
            [
                _query(_percentile(quantile, "le", 'stage="total"'), name)
                for quantile, name in (("0.5", "median"), ("0.95", "95th percentile"), ("0.99", "99th percentile"))
            ],
            unit="s",
            about="From the request's head to the finished answer.",
        ),
        *(
            Panel(
                f"By stage, {name}",
                Kind.TIME_SERIES,
                [_query(_percentile(quantile, "stage, le", 'stage!="total"'), "{{stage}}")],
                unit="s",
                about="fetch: pictures named by URL; decode: reading the body; queue: waiting for a call to Triton; "
                "triton: that call; encode: wording the answer.",
            )
            for quantile, name in (("0.5", "median"), ("0.95", "95th percentile"))
        ),
    ],
)

_BATCHES: Final = 'sum by (version) (rate(modelport_batch_size_{}{{@of,version!=""}}[$__rate_interval]))'
_LOAD: Final = Row(
    "Load",
    [
        Panel(
            "Requests in flight",
            Kind.TIME_SERIES,
            [_query("sum by (api) (modelport_requests_in_flight{@of})", "{{api}}")],
            stacked=True,
        ),
        Panel(
            "Queue",
            Kind.TIME_SERIES,
            [_query('sum by (version) (modelport_queue_length{@of,version!=""})', "version {{version}}")],
            about="Requests on their way through Triton: waiting, or in a call.",
        ),
        Panel(
            "Batch size",
            Kind.TIME_SERIES,
            [_query(f"{_BATCHES.format('sum')} / {_BATCHES.format('count')}", "version {{version}}")],
            about="Rows of the call to Triton that carried a request, the mean over requests.",
        ),
    ],
)

_MACHINE: Final = Row(
    "CPU, memory and GPU",
    [
        Panel(
            "CPU",
            Kind.TIME_SERIES,
            [
                _query(f"rate(modelport_cpu_seconds_total[$__rate_interval]) {_ITS_GATEWAYS}", "gateway {{pod}}"),
                _query(f"modelport_cpu_limit_cores {_ITS_GATEWAYS}", "gateway's limit {{pod}}"),
                _query(
                    f"sum by (pod) (rate({_container('container_cpu_usage_seconds_total')}[$__rate_interval]) "
                    "and on (namespace, pod) modelport_model_ready{@of})",
                    "Triton {{pod}}",
                ),
            ],
            about="In cores. Outside of a cluster the gateway's figure is that of the whole server, Triton among it.",
            width=12,
        ),
        Panel(
            "Memory",
            Kind.TIME_SERIES,
            [
                _query(f"modelport_memory_bytes {_ITS_GATEWAYS}", "gateway {{pod}}"),
                _query(f"modelport_memory_limit_bytes {_ITS_GATEWAYS}", "gateway's limit {{pod}}"),
                _query(
                    f"sum by (pod) ({_container('container_memory_working_set_bytes')} "
                    "and on (namespace, pod) modelport_model_ready{@of})",
                    "Triton {{pod}}",
                ),
            ],
            unit="bytes",
            width=12,
        ),
        Panel(
            "GPU utilization",
            Kind.TIME_SERIES,
            [_query(f"modelport_gpu_utilization_ratio {_ITS_GATEWAYS}", "{{device}} {{uuid}}")],
            unit="percentunit",
            maximum=1,
        ),
        Panel(
            "GPU memory",
            Kind.TIME_SERIES,
            [
                _query(f"modelport_gpu_memory_used_bytes {_ITS_GATEWAYS}", "used {{device}} {{uuid}}"),
                _query(f"modelport_gpu_memory_bytes {_ITS_GATEWAYS}", "all {{device}} {{uuid}}"),
            ],
            unit="bytes",
        ),
        Panel(
            "GPU power",
            Kind.TIME_SERIES,
            [_query(f"modelport_gpu_power_watts {_ITS_GATEWAYS}", "{{device}} {{uuid}}")],
            unit="watt",
        ),
    ],
)

_COST: Final = Row(
    "Cost, over the range shown",
    [
        Panel(
            "Instance hours",
            Kind.STAT,
            [_query("sum(increase(modelport_instance_seconds_total{@of}[$__range])) / 3600")],
            unit="h",
            about="Time in which instances were held for the model, whether they answered or not.",
            width=6,
            height=5,
        ),
        Panel(
            "Billable requests",
            Kind.STAT,
            [_query("sum(increase(modelport_billable_requests_total{@of}[$__range]))")],
            width=6,
            height=5,
        ),
        Panel(
            "Requests by key",
            Kind.BAR_GAUGE,
            [_query("sum by (key) (increase(modelport_key_requests_total{@of}[$__range]))", "{{key}}")],
            width=6,
            height=5,
            steps=((None, "blue"),),
        ),
        Panel(
            "Monthly quota used",
            Kind.STAT,
            [_query("max(modelport_serverless_requests{@of} / modelport_serverless_quota_requests{@of})")],
            unit="percentunit",
            about="Of Serverless models that have a quota.",
            width=6,
            height=5,
            steps=((None, "green"), (0.8, "orange"), (1, "red")),
        ),
    ],
)

_FLAGGED: Final = Row(
    "Flagged pictures",
    [
        Panel(
            "On their way",
            Kind.TIME_SERIES,
            [_query("sum(modelport_flagged_pictures_waiting{@of})", "waiting")],
            about="Of models with spec.evaluation.sink.",
            width=12,
        ),
        Panel(
            "Stored and lost",
            Kind.TIME_SERIES,
            [
                _query("sum(increase(modelport_flagged_pictures_stored_total{@of}[$__rate_interval]))", "stored"),
                _query("sum(increase(modelport_flagged_pictures_dropped_total{@of}[$__rate_interval]))", "dropped"),
                _query(
                    "sum by (reason) (increase(modelport_flagged_pictures_failed_total{@of}[$__rate_interval])) > 0",
                    "failed: {{reason}}",
                ),
            ],
            stacked=True,
            width=12,
        ),
    ],
)

DASHBOARD: Final = Dashboard(
    uid="modelport-model",
    title="Modelport / Model",
    about="One published model: uptime, requests, latency, load, machine, use and cost.",
    variables=[
        Variable("namespace", "label_values(modelport_model_ready, namespace)"),
        Variable("model", 'label_values(modelport_model_ready{namespace="$namespace"}, model)'),
    ],
    rows=[_UPTIME, _TRAFFIC, _LATENCY, _LOAD, _MACHINE, _COST, _FLAGGED],
)
