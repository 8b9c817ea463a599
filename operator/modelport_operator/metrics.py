"""What the operator counts. Declared here and nowhere else."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The operator's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._calls = Counter(
            "modelport_operator_api_calls",
            "Calls to the API server, by method and class of the answer (2xx, 4xx, 5xx; none without an answer)",
            ("method", "code"),
            registry=registry,
        )
        self._reconciles = Counter(
            "modelport_operator_reconciles",
            "Reconciliations, by result (done, waiting, refused, failed)",
            ("result",),
            registry=registry,
        )
        self._duration = Histogram(
            "modelport_operator_reconcile_duration_seconds",
            "Time of one reconciliation",
            buckets=_SECONDS,
            registry=registry,
        )
        self._queue = Gauge(
            "modelport_operator_queue_length", "Resources that wait for their reconciliation", registry=registry
        )
        self._models = Gauge(
            "modelport_operator_models", "PublishedModels, by their state", ("state",), registry=registry
        )
        self._leader = Gauge(
            "modelport_operator_leader", "1 while this process holds the lease and works", registry=registry
        )

    def called(self, method: str, status: int) -> None:
        """Count a call; status 0 had no answer."""
        self._calls.labels(method, f"{status // 100}xx" if status else "none").inc()

    def reconciled(self, result: str, seconds: float) -> None:
        """Count a reconciliation."""
        self._reconciles.labels(result).inc()
        self._duration.observe(seconds)

    def waiting(self, length: int) -> None:
        """Tell how many resources wait."""
        self._queue.set(length)

    def states(self, counts: dict[str, int]) -> None:
        """Tell how many resources are in each state."""
        self._models.clear()
        for state, count in counts.items():
            self._models.labels(state).set(count)

    def leads(self, leading: bool) -> None:
        """Tell whether this process works."""
        self._leader.set(leading)
