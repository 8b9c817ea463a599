"""The gateway's metrics: what requests count into, and what a scrape is answered with.

A request looks up its `ModelMetrics` once and makes a few calls on it; anything that can be read at the moment of a
scrape (CPU, GPU, readiness) is given to `observe` as a function instead. `table.py` names all of them;
`python -m modelport.gateway.metrics` prints `docs/reference/metrics.md`.

With several worker processes every counter lies in files that all of them share (prometheus_client's multiprocess
mode) and each worker answers for all. The server's parent chooses that by setting PROMETHEUS_MULTIPROC_DIR to a fresh
folder before anything imports prometheus_client. Exemplars exist only without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client import generate_latest as prometheus_text
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.registry import Collector

from modelport.gateway.metrics import table
from modelport.gateway.metrics.table import Declared, Kind, Reading
from modelport.gateway.metrics.triton import as_openmetrics

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
END = b"# EOF\n"
MAX_EXEMPLAR = 128
"""Characters that OpenMetrics allows in an exemplar's labels, names included."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # a `_created` series beside each counter doubles the page


K = TypeVar("K")
V = TypeVar("V")


class _Children(dict[K, V]):
    """The children of a labelled metric, made when they are first asked for: a series exists once it has counted."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make

    def __missing__(self, label: K) -> V:
        child = self[label] = self._make(label)
        return child


class ModelMetrics:
    """The counters of one model, API and version, looked up once so that a request costs a few calls on them."""

    __slots__ = ("_batch", "_billable", "_codes", "_errors", "_keys", "_received", "_sent", "_stages", "queue")

    def __init__(self, metrics: GatewayMetrics, model: str, namespace: str, api: str, version: str) -> None:
        """Made by `GatewayMetrics.of` alone."""
        labels = (model, namespace, api, version)
        self._codes = _Children[int, Counter](lambda status: metrics.requests.labels(*labels, f"{status // 100}xx"))
        self._errors = _Children[str, Counter](lambda reason: metrics.errors.labels(*labels, reason))
        self._keys = _Children[str, Counter](lambda key: metrics.key_requests.labels(model, namespace, key))
        self._stages = _Children[str, Histogram](lambda stage: metrics.duration.labels(*labels, stage))
        self._received = metrics.request_bytes.labels(*labels)
        self._sent = metrics.response_bytes.labels(*labels)
        self._batch = metrics.batch_size.labels(model, namespace, version)
        self._billable = metrics.billable_requests.labels(model, namespace)
        self.queue = metrics.queue_length.labels(model, namespace, version)
        """Requests on their way through Triton: `inc()` before, `dec()` after."""

    def finished(
        self,
        status: int,
        seconds: Mapping[str, float],
        *,
        received: int,
        sent: int,
        batch: int = 0,
        key: str = "",
        billable: bool = False,
        exemplar: dict[str, str] | None = None,
    ) -> None:
        """Count one answered request.

        `seconds` holds the stages (`metric_table.STAGES`) that the request came through; `received` and `sent` are the
        bodies' bytes on the wire; `batch` is the rows of the call to Triton, 0 for none; `key` is the name of the key
        that was let in; `billable` says that the answer is paid for; `exemplar` is what `exemplar()` makes.
        """
        self._codes[status].inc()
        for stage, elapsed in seconds.items():
            self._stages[stage].observe(elapsed, exemplar if stage == "total" else None)
        self._received.inc(received)
        self._sent.inc(sent)
        if batch:
            self._batch.observe(batch)
        if key:
            self._keys[key].inc()
        if billable:
            self._billable.inc()

    def refused(self, status: int, reason: str, *, sent: int) -> None:
        """Count a request that was sent away by its head alone, which took no time worth telling."""
        self._codes[status].inc()
        self._errors[reason].inc()
        self._sent.inc(sent)

    def failed(self, reason: str) -> None:
        """Count an error by its `GatewayError.reason`, beside `finished`."""
        self._errors[reason].inc()


class GatewayMetrics:
    """All metrics of one process. Attributes are instruments; what they count is said in `table.py`."""

    def __init__(self) -> None:
        """Make the instruments, in files shared between processes if MULTIPROCESS_DIR is set, else in memory."""
        registry = CollectorRegistry()
        self._shared = MULTIPROCESS_DIR in os.environ
        self._rendered = CollectorRegistry() if self._shared else registry
        if self._shared:
            MultiProcessCollector(self._rendered)  # type: ignore[no-untyped-call]
        self._of: dict[tuple[str, str, str, str], ModelMetrics] = {}
        self._in_flight: dict[tuple[str, str, str], Gauge] = {}

        self.requests = _counter(table.REQUESTS, registry)
        self.errors = _counter(table.ERRORS, registry)
        self.duration = _histogram(table.DURATION, registry)
        self.in_flight = _gauge(table.IN_FLIGHT, registry)
        self.queue_length = _gauge(table.QUEUE_LENGTH, registry)
        self.batch_size = _histogram(table.BATCH_SIZE, registry)
        self.request_bytes = _counter(table.REQUEST_BYTES, registry)
        self.response_bytes = _counter(table.RESPONSE_BYTES, registry)
        self.key_requests = _counter(table.KEY_REQUESTS, registry)
        self.billable_requests = _counter(table.BILLABLE_REQUESTS, registry)
        self.serverless_failures = _counter(table.SERVERLESS_FAILURES, registry)
        self.flagged_stored = _counter(table.FLAGGED_STORED, registry)
        self.flagged_failed = _counter(table.FLAGGED_FAILED, registry)
        self.flagged_dropped = _counter(table.FLAGGED_DROPPED, registry)
        self.flagged_waiting = _gauge(table.FLAGGED_WAITING, registry)
        self.cold_start = _histogram(table.COLD_START, registry)
        self.uptime = _counter(table.UPTIME, registry)
        self.planned_downtime = _counter(table.PLANNED_DOWNTIME, registry)
        self.unplanned_downtime = _counter(table.UNPLANNED_DOWNTIME, registry)
        self.instance_seconds = _counter(table.INSTANCE_SECONDS, registry)
        self.triton_restarts = _counter(table.TRITON_RESTARTS, registry)

    def of(self, model: str, namespace: str, api: str, version: str) -> ModelMetrics:
        """The counters of one model, API and version.

        Every value must come from the configuration or from Triton, never from a request, whose authors could make any
        number of them: for a request that found no model, or no version, pass "".
        """
        labels = (model, namespace, api, version)
        found = self._of.get(labels)
        if found is None:
            found = self._of[labels] = ModelMetrics(self, *labels)
        return found

    def in_flight_of(self, model: str, namespace: str, api: str) -> Gauge:
        """The gauge of inferences in flight, whose version may not be known yet: `inc()` before, `dec()` after."""
        labels = (model, namespace, api)
        found = self._in_flight.get(labels)
        if found is None:
            found = self._in_flight[labels] = self.in_flight.labels(*labels)
        return found

    def observe(self, declared: Sequence[Declared], read: Callable[[], Reading]) -> None:
        """Have `read` called at each scrape of this process for the metrics `declared`."""
        self._rendered.register(_Observed(declared, read))

    def exemplar(self, trace_id: str | None, request_id: str) -> dict[str, str] | None:
        """What leads from a bucket to one request: its trace, else its id; None where there is no place for it."""
        if self._shared:
            return None
        label, value = ("trace_id", trace_id) if trace_id else ("request_id", request_id)
        return {label: value} if 0 < len(value) <= MAX_EXEMPLAR - len(label) else None

    def render(self, accept: str | None, triton: str = "") -> tuple[bytes, str]:
        """Everything, `triton`'s own text behind ours, as (body, content type).

        OpenMetrics where the Accept header names it, as Prometheus' does; else Prometheus' text format.
        """
        if "application/openmetrics-text" in (accept or ""):
            ours = cast(bytes, openmetrics_text(self._rendered)).removesuffix(END)  # type: ignore[no-untyped-call]
            return ours + as_openmetrics(triton).encode() + END, OPENMETRICS
        return prometheus_text(self._rendered) + triton.encode(), PROMETHEUS


class _Observed(Collector):
    """Metrics that are read when they are asked for."""

    def __init__(self, declared: Sequence[Declared], read: Callable[[], Reading]) -> None:
        self._declared = declared
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return [_family(declared) for declared in self._declared]

    def collect(self) -> Iterable[Metric]:
        for declared, series in self._read().items():
            family = _family(declared)
            for values, number in series:
                family.add_metric(values, number)
            if family.samples:
                yield family


def forget_worker(pid: int) -> None:
    """Take a dead worker's gauges out of the sums; its counters stay. Called by the parent that set the folder."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _counter(declared: Declared, registry: CollectorRegistry) -> Counter:
    return Counter(declared.name, declared.help, declared.labels, registry=registry)


def _gauge(declared: Declared, registry: CollectorRegistry) -> Gauge:
    return Gauge(declared.name, declared.help, declared.labels, registry=registry, multiprocess_mode="livesum")


def _histogram(declared: Declared, registry: CollectorRegistry) -> Histogram:
    return Histogram(declared.name, declared.help, declared.labels, registry=registry, buckets=declared.buckets)


def _family(declared: Declared) -> CounterMetricFamily | GaugeMetricFamily:
    family = CounterMetricFamily if declared.kind is Kind.COUNTER else GaugeMetricFamily
    return family(declared.name, declared.help, labels=declared.labels)
