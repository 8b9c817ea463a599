"""What the operator counts: one table, from which the instruments and the reference page are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without the suffixes that Prometheus adds, and what its numbers mean."""

    name: str
    kind: type[Counter] | type[Gauge] | type[Histogram]
    help: str
    labels: Sequence[str] = ()

    def build(self, registry: CollectorRegistry) -> Any:
        """Return the instrument, registered."""
        if self.kind is Histogram:
            return Histogram(self.name, self.help, self.labels, buckets=_SECONDS, registry=registry)
        return self.kind(self.name, self.help, self.labels, registry=registry)


CALLS: Final = Metric(
    "modelport_operator_api_calls",
    Counter,
    "Calls to the API server, by method and HTTP status; `none` without an answer. kopf's watches are not among them.",
    ("method", "code"),
)
RECONCILES: Final = Metric(
    "modelport_operator_reconciles",
    Counter,
    "Reconciliations, by result: `done`; `waiting` for an API server that is away or busy; `refused` by it; `failed` "
    "for a fault of the operator's own.",
    ("result",),
)
DURATION: Final = Metric(
    "modelport_operator_reconcile_duration_seconds", Histogram, "Time of one reconciliation, whatever its result."
)
QUEUE: Final = Metric("modelport_operator_queue_length", Gauge, "Resources that wait for their reconciliation.")
MODEL_STATE: Final = Metric(
    "modelport_operator_model_state",
    Gauge,
    "1 for each PublishedModel, with the state that its status tells; from the operator that works alone. `namespace` "
    "is the resource's: scrape with `honor_labels`.",
    ("namespace", "name", "state"),
)
LEADER: Final = Metric(
    "modelport_operator_leader", Gauge, "1 while this process works; 0 while it waits for the Lease."
)

METRICS: Final[Sequence[Metric]] = (CALLS, RECONCILES, DURATION, QUEUE, MODEL_STATE, LEADER)
"""All of the operator's own; beside them stand prometheus_client's of the process."""


class Metrics:
    """The operator's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        built = {metric.name: metric.build(registry) for metric in METRICS}
        self._calls: Counter = built[CALLS.name]
        self._reconciles: Counter = built[RECONCILES.name]
        self._duration: Histogram = built[DURATION.name]
        self._queue: Gauge = built[QUEUE.name]
        self._model_state: Gauge = built[MODEL_STATE.name]
        self._states: dict[tuple[str, str], str] = {}
        self._leader: Gauge = built[LEADER.name]

    def called(self, method: str, status: int) -> None:
        """Count a call; status 0 had no answer."""
        self._calls.labels(method, str(status) if status else "none").inc()

    def reconciled(self, result: str, seconds: float) -> None:
        """Count a reconciliation."""
        self._reconciles.labels(result).inc()
        self._duration.observe(seconds)

    def waiting(self, length: int) -> None:
        """Tell how many resources wait."""
        self._queue.set(length)

    def model(self, namespace: str, name: str, state: str | None) -> None:
        """Tell the state of a resource, None for one that is gone."""
        before = self._states.pop((namespace, name), None)
        if before not in (None, state):
            self._model_state.remove(namespace, name, before)
        if state is not None:
            self._states[namespace, name] = state
            self._model_state.labels(namespace, name, state).set(1)

    def forget_models(self) -> None:
        """Tell of no resource any more."""
        self._states.clear()
        self._model_state.clear()

    def leads(self, leading: bool) -> None:
        """Tell whether this process works."""
        self._leader.set(leading)
