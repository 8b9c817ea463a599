from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import prometheus_client.values
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from modelport.gateway.errors import GatewayError
from modelport.gateway.metrics import MULTIPROCESS_DIR, GatewayMetrics, forget_worker
from modelport.gateway.metrics.instruments import OPENMETRICS, PROMETHEUS, table
from modelport.gateway.metrics.page import LABELS, STATISTICS, build_page
from modelport.gateway.metrics.table import DECLARED, Declared, Kind, Reading

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"

PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.1"
)
"""What Prometheus 3 sends."""

CALL = ("half", "vision", "nnc", "3")
OF_CALL = dict(zip(table.OF_CALL, CALL, strict=True))
SECONDS = {"total": 0.004, "decode": 0.0001, "queue": 0.001, "triton": 0.0015, "encode": 0.0001}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(body: bytes, content_type: str = PROMETHEUS) -> Samples:
    parse = parse_openmetrics if content_type == OPENMETRICS else parse_prometheus
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(body.decode())
        for sample in family.samples
    }


def value(metrics: GatewayMetrics, name: str, **labels: str) -> float | None:
    return samples(*metrics.render(None)).get((name, frozenset(labels.items())))


def answer_one(metrics: GatewayMetrics, *, status: int = 200, key: str = "partner") -> None:
    metrics.of(*CALL).finished(status, SECONDS, received=40, sent=60, batch=3, key=key, billable=status == 200)


@pytest.fixture
def metrics() -> GatewayMetrics:
    return GatewayMetrics()


def test_a_request_counts_where_it_should(metrics: GatewayMetrics) -> None:
    answer_one(metrics)
    of_model = {"model": "half", "namespace": "vision"}
    assert value(metrics, "modelport_requests_total", **OF_CALL, code="2xx") == 1
    assert value(metrics, "modelport_request_bytes_total", **OF_CALL) == 40
    assert value(metrics, "modelport_response_bytes_total", **OF_CALL) == 60
    assert value(metrics, "modelport_batch_size_sum", **of_model, version="3") == 3
    assert value(metrics, "modelport_key_requests_total", **of_model, key="partner") == 1
    assert value(metrics, "modelport_billable_requests_total", **of_model) == 1
    for stage, seconds in SECONDS.items():
        assert value(metrics, "modelport_request_duration_seconds_sum", **OF_CALL, stage=stage) == seconds


@pytest.mark.parametrize(
    ("status", "code"),
    [(200, "2xx"), (400, "4xx"), (429, "4xx"), (499, "4xx"), (503, "5xx")],
)
def test_statuses_count_by_their_class(metrics: GatewayMetrics, status: int, code: str) -> None:
    answer_one(metrics, status=status)
    assert value(metrics, "modelport_requests_total", **OF_CALL, code=code) == 1


def test_a_request_without_key_or_batch_counts_none(metrics: GatewayMetrics) -> None:
    metrics.of(*CALL).finished(404, {"total": 0.001}, received=0, sent=9)
    found = samples(*metrics.render(None))
    assert not [name for name, _ in found if name.startswith("modelport_key_requests")]
    assert value(metrics, "modelport_batch_size_count", model="half", namespace="vision", version="3") == 0
    assert value(metrics, "modelport_request_duration_seconds_count", **OF_CALL, stage="triton") is None


def test_errors_count_by_reason(metrics: GatewayMetrics) -> None:
    for reason in ("bad_request", "queue_full", "queue_full"):
        metrics.of(*CALL).failed(reason)
    assert value(metrics, "modelport_errors_total", **OF_CALL, reason="queue_full") == 2
    assert value(metrics, "modelport_errors_total", **OF_CALL, reason="bad_request") == 1


def test_gauges_rise_and_fall(metrics: GatewayMetrics) -> None:
    in_flight = metrics.in_flight_of("half", "vision", "nnc")
    in_flight.inc()
    metrics.of(*CALL).queue.inc()
    assert value(metrics, "modelport_requests_in_flight", model="half", namespace="vision", api="nnc") == 1
    assert value(metrics, "modelport_queue_length", model="half", namespace="vision", version="3") == 1
    in_flight.dec()
    assert metrics.in_flight_of("half", "vision", "nnc") is in_flight
    assert value(metrics, "modelport_requests_in_flight", model="half", namespace="vision", api="nnc") == 0


def test_counters_are_looked_up_once(metrics: GatewayMetrics) -> None:
    assert metrics.of(*CALL) is metrics.of(*CALL)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param(None, PROMETHEUS, id="no Accept header"),
        pytest.param("*/*", PROMETHEUS, id="a browser, or curl"),
        pytest.param("text/plain;version=0.0.4", PROMETHEUS, id="the text format alone"),
        pytest.param(PROMETHEUS_ACCEPT, OPENMETRICS, id="Prometheus"),
        pytest.param("application/openmetrics-text; version=nonsense", OPENMETRICS, id="a version that there is not"),
    ],
)
def test_the_format_is_the_one_asked_for(metrics: GatewayMetrics, accept: str | None, content_type: str) -> None:
    answer_one(metrics)
    body, answered = metrics.render(accept)
    assert answered == content_type
    assert body.endswith(b"# EOF\n") is (content_type == OPENMETRICS)
    assert samples(body, answered)["modelport_requests_total", frozenset({**OF_CALL, "code": "2xx"}.items())] == 1


def test_exemplars_lead_from_a_bucket_to_a_trace(metrics: GatewayMetrics) -> None:
    exemplar = metrics.exemplar("4bf92f3577b34da6a3ce929d0e0e4736", "abc")
    metrics.of(*CALL).finished(200, SECONDS, received=1, sent=1, exemplar=exemplar)
    body, _ = metrics.render(PROMETHEUS_ACCEPT)
    found = [
        (sample.labels["stage"], sample.exemplar.labels)
        for family in parse_openmetrics(body.decode())
        for sample in family.samples
        if sample.exemplar
    ]
    assert found == [("total", {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})]


@pytest.mark.parametrize(
    ("trace", "request_id", "exemplar"),
    [
        pytest.param("4bf9", "abc", {"trace_id": "4bf9"}, id="the trace"),
        pytest.param(None, "abc", {"request_id": "abc"}, id="else the request's id"),
        pytest.param(None, "x" * 118, {"request_id": "x" * 118}, id="as long as OpenMetrics allows"),
        pytest.param(None, "x" * 119, None, id="and no longer"),
    ],
)
def test_what_an_exemplar_is(
    metrics: GatewayMetrics, trace: str | None, request_id: str, exemplar: dict[str, str] | None
) -> None:
    assert metrics.exemplar(trace, request_id) == exemplar
    metrics.of(*CALL).finished(200, SECONDS, received=1, sent=1, exemplar=exemplar)


def test_what_is_read_at_a_scrape(metrics: GatewayMetrics) -> None:
    readings: Iterator[Reading] = iter(
        [
            {table.MEMORY: [((), 1.0)], table.CPU_SECONDS: [((), 2.5)]},
            {table.MEMORY: [], table.GPU_POWER: [(("0", "GPU-1", "H200"), 70.0)]},
        ]
    )
    metrics.observe((table.MEMORY, table.CPU_SECONDS, table.GPU_POWER), lambda: next(readings))
    first = samples(*metrics.render(None))
    assert first["modelport_memory_bytes", frozenset()] == 1.0
    assert first["modelport_cpu_seconds_total", frozenset()] == 2.5
    second = samples(*metrics.render(None))
    gpu = frozenset({"gpu": "0", "uuid": "GPU-1", "device": "H200"}.items())
    assert second["modelport_gpu_power_watts", gpu] == 70.0
    assert ("modelport_memory_bytes", frozenset()) not in second, "what cannot be read is absent, not 0"


def test_a_metric_is_observed_once(metrics: GatewayMetrics) -> None:
    with pytest.raises(ValueError, match="Duplicated"):
        metrics.observe((table.REQUESTS,), dict)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_every_metric_is_named_by_the_rules(declared: Declared) -> None:
    assert declared.name.startswith("modelport_")
    assert declared.name.endswith("_total") is (declared.kind is Kind.COUNTER)
    assert bool(declared.buckets) is (declared.kind is Kind.HISTOGRAM)
    assert list(declared.buckets) == sorted(declared.buckets)
    assert declared.help.endswith(".")
    assert set(declared.labels) <= LABELS.keys()
    assert "key" not in declared.labels or declared is table.KEY_REQUESTS


def test_names_are_unique() -> None:
    assert len({declared.name for declared in DECLARED}) == len(DECLARED)


def test_the_table_holds_every_row_that_its_module_declares() -> None:
    declared = {value for value in vars(table).values() if isinstance(value, Declared)}
    assert declared == set(DECLARED)


def test_what_the_gateway_counts_is_declared(metrics: GatewayMetrics) -> None:
    answer_one(metrics)
    metrics.of(*CALL).failed("internal")
    metrics.in_flight_of("half", "vision", "nnc")
    for counter in ("uptime", "planned_downtime", "unplanned_downtime", "instance_seconds", "cold_start"):
        getattr(metrics, counter).labels("half", "vision")
    counted = {family.name for family in parse_prometheus(metrics.render(None)[0].decode())}
    declared = {declared.name.removesuffix("_total") for declared in DECLARED}
    read_at_a_scrape = {name for name in declared if name.startswith(("modelport_gpu", "modelport_cpu"))} | {
        "modelport_memory_bytes",
        "modelport_memory_limit_bytes",
        "modelport_model_ready",
        "modelport_triton_up",
        "modelport_config_problems",
        "modelport_serverless_requests",
        "modelport_serverless_quota_requests",
    }
    assert counted == declared - read_at_a_scrape


def test_the_page_is_what_the_code_prints() -> None:
    assert PAGE.read_text() == build_page(), "run: python -m modelport.gateway.metrics > docs/reference/metrics.md"


def test_every_statistic_of_the_nexus_document_has_a_metric() -> None:
    rows = ["Uptime", "Request Rate", "Error Rate", "Latency", "Concurrent Requests"]
    rows += ["CPU Usage", "Memory Usage", "GPU Usage"]
    assert list(STATISTICS) == rows
    assert {declared.statistic for declared in DECLARED} - {""} == set(rows)


def test_reasons_are_words_that_a_label_may_have() -> None:
    def reasons(kind: type[GatewayError]) -> Iterator[str]:
        yield kind.reason
        for each in kind.__subclasses__():
            yield from reasons(each)

    assert all(reason.replace("_", "").isalpha() and reason.islower() for reason in reasons(GatewayError))


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[GatewayMetrics]]:
    """Two workers with their files in one folder, as prometheus_client makes them in two processes."""
    monkeypatch.setenv(MULTIPROCESS_DIR, os.fspath(tmp_path))
    made = []
    for pid in (101, 102):
        shared = prometheus_client.values.MultiProcessValue(lambda pid=pid: pid)
        monkeypatch.setattr(prometheus_client.values, "ValueClass", shared)
        made.append(GatewayMetrics())
        answer_one(made[-1])  # labelled children are made here, with this worker's files
        made[-1].in_flight_of("half", "vision", "nnc").inc()
    yield made
    prometheus_client.values.close_all_multiprocess_files()


def test_each_worker_answers_for_all(workers: list[GatewayMetrics]) -> None:
    for metrics in workers:
        assert value(metrics, "modelport_requests_total", **OF_CALL, code="2xx") == 2
        assert value(metrics, "modelport_request_duration_seconds_count", **OF_CALL, stage="total") == 2
        assert value(metrics, "modelport_requests_in_flight", model="half", namespace="vision", api="nnc") == 2
        body, content_type = metrics.render(PROMETHEUS_ACCEPT)
        assert (
            samples(body, content_type)["modelport_requests_total", frozenset({**OF_CALL, "code": "2xx"}.items())] == 2
        )


def test_a_dead_workers_counters_stay_and_its_gauges_go(workers: list[GatewayMetrics]) -> None:
    forget_worker(101)
    survivor = workers[1]
    assert value(survivor, "modelport_requests_total", **OF_CALL, code="2xx") == 2
    assert value(survivor, "modelport_requests_in_flight", model="half", namespace="vision", api="nnc") == 1


def test_what_a_worker_reads_is_not_doubled(workers: list[GatewayMetrics]) -> None:
    workers[0].observe((table.MEMORY,), lambda: {table.MEMORY: [((), 5.0)]})
    assert value(workers[0], "modelport_memory_bytes") == 5


def test_several_workers_have_no_exemplars(workers: list[GatewayMetrics]) -> None:
    assert workers[0].exemplar("4bf9", "abc") is None
