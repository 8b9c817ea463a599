"""The fleet dashboard: all models side by side, and the operator."""

from __future__ import annotations

from string import Template
from typing import Final

from monitoring.grafana import Dashboard, Kind, Panel, Query, Row, Variable

_OF: Final = 'namespace=~"$namespace"'


def _query(expr: str, legend: str = "") -> Query:
    """Return a query in which `@of` chooses series by the reader's choice of namespaces."""
    return Query(expr.replace("@of", _OF), legend)


def _by_model(expr: str) -> Query:
    return _query(expr, "{{namespace}}/{{model}}")


_SPENT: Final = Template("sum by (namespace, model) (increase($name{@of}[$$__range]))")


def _spent(metric: str) -> str:
    """Return what each model's counter grew by in the range that is shown."""
    return _SPENT.substitute(name=metric)


_UP: Final = _spent("modelport_model_uptime_seconds_total")
_DOWN: Final = _spent("modelport_model_unplanned_downtime_seconds_total")

_NOW: Final = Row(
    "Now",
    [
        Panel(
            "Models by state",
            Kind.BAR_GAUGE,
            [Query("count by (state) (max by (namespace, name, state) (modelport_operator_model_state))", "{{state}}")],
            about="As the operator tells them, in all namespaces. Stopped models are stopped as planned.",
            steps=((None, "blue"),),
        ),
        Panel(
            "Models that answer",
            Kind.STAT,
            [
                _query("sum(max by (namespace, model) (modelport_model_ready{@of}))", "answer"),
                _query("count(count by (namespace, model) (modelport_model_ready{@of}))", "running"),
            ],
            about="Of those with a gateway that runs. A model that its schedule stops has none in a cluster.",
            width=4,
        ),
        Panel(
            "Requests",
            Kind.STAT,
            [_query("sum(rate(modelport_requests_total{@of}[$__rate_interval]))")],
            unit="reqps",
            width=4,
        ),
        Panel(
            "Failed requests, 1 h",
            Kind.STAT,
            [
                _query(
                    "sum(sum_over_time(model:modelport_requests_failed:rate5m{@of}[1h])) / "
                    "sum(sum_over_time(model:modelport_requests_valid:rate5m{@of}[1h]))"
                )
            ],
            unit="percentunit",
            about="Share of the requests that the fleet should have answered and did not. Callers' own mistakes and "
            "planned stops are not among them.",
            width=4,
            steps=((None, "green"), (0.001, "orange"), (0.0144, "red")),
        ),
        Panel(
            "Alerts that fire",
            Kind.STAT,
            [Query('count(ALERTS{alertname=~"Modelport.*",alertstate="firing"}) or vector(0)')],
            width=4,
            steps=((None, "green"), (1, "red")),
        ),
    ],
)

_MODELS: Final = Row(
    "Models, over the range shown",
    [
        Panel(
            "Uptime, requests and cost",
            Kind.TABLE,
            [
                _query(f"{_UP} / ({_UP} + {_DOWN}) >= 0", "Availability"),
                _query(_UP, "Up"),
                _query(_spent("modelport_model_planned_downtime_seconds_total"), "Stopped as planned"),
                _query(_DOWN, "Down"),
                _query(_spent("modelport_requests_total").replace("{@of}", '{@of,model!=""}'), "Requests"),
                _query(_spent("modelport_billable_requests_total"), "Billable requests"),
                _query(f"{_spent('modelport_instance_seconds_total')} / 3600", "Instance hours"),
            ],
            about="Availability leaves planned downtime out. Times are summed over instances.",
            width=24,
            height=9,
            columns={
                "Availability": "percentunit",
                "Up": "s",
                "Stopped as planned": "s",
                "Down": "s",
                "Requests": "short",
                "Billable requests": "short",
                "Instance hours": "h",
            },
        )
    ],
)

_TRAFFIC: Final = Row(
    "Traffic",
    [
        Panel(
            "Requests by model",
            Kind.TIME_SERIES,
            [_by_model('sum by (namespace, model) (rate(modelport_requests_total{@of,model!=""}[$__rate_interval]))')],
            unit="reqps",
        ),
        Panel(
            "Errors by reason",
            Kind.TIME_SERIES,
            [_query("sum by (reason) (rate(modelport_errors_total{@of}[$__rate_interval]))", "{{reason}}")],
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Latency by model, 95th percentile",
            Kind.TIME_SERIES,
            [
                _by_model(
                    "histogram_quantile(0.95, sum by (namespace, model, le) "
                    '(rate(modelport_request_duration_seconds_bucket{@of,stage="total"}[$__rate_interval])))'
                )
            ],
            unit="s",
        ),
        Panel(
            "Failed requests by model",
            Kind.TIME_SERIES,
            [_by_model("model:modelport_requests_failed:ratio_rate5m{@of}")],
            unit="percentunit",
            about="Of the requests that should have been answered, the last five minutes.",
        ),
        Panel(
            "Requests in flight by model",
            Kind.TIME_SERIES,
            [_by_model("sum by (namespace, model) (modelport_requests_in_flight{@of})")],
        ),
        Panel(
            "Instances by what they do",
            Kind.TIME_SERIES,
            [
                _query("sum(rate(modelport_model_uptime_seconds_total{@of}[$__rate_interval]))", "up"),
                _query(
                    "sum(rate(modelport_model_planned_downtime_seconds_total{@of}[$__rate_interval]))",
                    "stopped as planned",
                ),
                _query("sum(rate(modelport_model_unplanned_downtime_seconds_total{@of}[$__rate_interval]))", "down"),
            ],
            stacked=True,
        ),
    ],
)

_GPU: Final = Row(
    "GPUs",
    [
        Panel(
            "Utilization by GPU",
            Kind.TIME_SERIES,
            [Query("max by (uuid, device) (modelport_gpu_utilization_ratio)", "{{device}} {{uuid}}")],
            unit="percentunit",
            maximum=1,
        ),
        Panel(
            "Memory in use by GPU",
            Kind.TIME_SERIES,
            [
                Query(
                    "max by (uuid, device) (modelport_gpu_memory_used_bytes / modelport_gpu_memory_bytes)",
                    "{{device}} {{uuid}}",
                )
            ],
            unit="percentunit",
            maximum=1,
        ),
        Panel("Power", Kind.TIME_SERIES, [Query("sum(max by (uuid) (modelport_gpu_power_watts))", "all")], unit="watt"),
    ],
)

_COST: Final = Row(
    "Cost",
    [
        Panel(
            "Instances held by model",
            Kind.TIME_SERIES,
            [_by_model("sum by (namespace, model) (rate(modelport_instance_seconds_total{@of}[$__rate_interval]))")],
            stacked=True,
            width=12,
        ),
        Panel(
            "Billable requests by model",
            Kind.TIME_SERIES,
            [_by_model("sum by (namespace, model) (rate(modelport_billable_requests_total{@of}[$__rate_interval]))")],
            unit="reqps",
            stacked=True,
            width=12,
        ),
    ],
)

_OPERATOR: Final = Row(
    "Operator",
    [
        Panel(
            "Reconciliations by result",
            Kind.TIME_SERIES,
            [Query("sum by (result) (rate(modelport_operator_reconciles_total[$__rate_interval]))", "{{result}}")],
            unit="ops",
            stacked=True,
        ),
        Panel(
            "Time of a reconciliation",
            Kind.TIME_SERIES,
            [
                Query(
                    f"histogram_quantile({quantile}, sum by (le) "
                    "(rate(modelport_operator_reconcile_duration_seconds_bucket[$__rate_interval])))",
                    name,
                )
                for quantile, name in (("0.5", "median"), ("0.95", "95th percentile"))
            ],
            unit="s",
        ),
        Panel("Resources that wait", Kind.TIME_SERIES, [Query("sum(modelport_operator_queue_length)", "waiting")]),
        Panel(
            "Calls to the API server by status",
            Kind.TIME_SERIES,
            [Query("sum by (code) (rate(modelport_operator_api_calls_total[$__rate_interval]))", "{{code}}")],
            unit="reqps",
            stacked=True,
            width=16,
        ),
        Panel(
            "Operators that lead",
            Kind.STAT,
            [Query("sum(modelport_operator_leader)")],
            about="One for each installation.",
            steps=((None, "red"), (1, "green")),
        ),
    ],
)

DASHBOARD: Final = Dashboard(
    uid="modelport-fleet",
    title="Modelport / Fleet",
    about="All published models side by side, and the operator that runs them.",
    variables=[Variable("namespace", "label_values(modelport_model_ready, namespace)", several=True)],
    rows=[_NOW, _MODELS, _TRAFFIC, _GPU, _COST, _OPERATOR],
)
