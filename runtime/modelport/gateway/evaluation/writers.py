"""The flagged pictures of all models, each with a writer of its own as long as the configuration gives it a sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from modelport.api import ServedModel, model_name
from modelport.api.evaluation import Storage
from modelport.gateway.evaluation.finding import Finding
from modelport.gateway.evaluation.sinks import Sinks
from modelport.gateway.evaluation.writer import Writer, WriterLimits
from modelport.gateway.formats.base import Flagged
from modelport.gateway.metrics import GatewayMetrics
from modelport.storage.errors import StorageError


class Writers:
    """A writer for each model whose pictures are stored, by the model's name in URLs."""

    def __init__(self, sinks: Sinks, metrics: GatewayMetrics, limits: WriterLimits | None = None) -> None:
        """Begin without any model."""
        self._sinks = sinks
        self._metrics = metrics
        self._limits = limits or WriterLimits()
        self._writers: dict[str, Writer] = {}
        self._known: dict[str, Storage] = {}
        """The sink of each model, as last checked."""
        self._closing: list[Writer] = []
        """Of models without a sink by now; they end once they have stored what waited."""

    def apply(self, models: Iterable[ServedModel]) -> None:
        """Take a new configuration. Pictures that wait go to the sink that they were flagged for."""
        wanted = {model_name(each.resource): each for each in models if _sink(each) is not None}
        self._closing = [each for each in self._closing if not each.ended]
        for name in self._writers.keys() - wanted.keys():
            del self._known[name]
            writer = self._writers.pop(name)
            writer.close()
            self._closing.append(writer)
        for name, served in wanted.items():
            sink = _sink(served)
            if sink is not None and self._known.get(name) != sink:
                self._aim(name, served.resource.metadata.namespace, sink)

    def offer(self, served: ServedModel, version: str, request_id: str, flagged: Flagged) -> None:
        """Have a flagged picture stored, where its model has a sink. Never waits."""
        evaluation = served.resource.spec.evaluation
        writer = self._writers.get(model_name(served.resource))
        if evaluation is None or writer is None:
            return
        name, now = model_name(served.resource), datetime.now(UTC)
        writer.offer(Finding(flagged, evaluation, name, version, served.digest, request_id, now))

    def states(self) -> Mapping[str, Mapping[str, Any]]:
        """Whether each model's pictures are stored, and why not, as JSON values by the model's name."""
        return {name: _state(writer) for name, writer in self._writers.items()}

    def close(self, seconds: float) -> None:
        """Store what waits, for at most so long; blocks."""
        every = [*self._writers.values(), *self._closing]
        deadline = monotonic() + seconds
        for writer in every:
            writer.close()
        for writer in every:
            writer.join(max(0.0, deadline - monotonic()))

    def _aim(self, name: str, namespace: str, sink: Storage) -> None:
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = Writer(name, namespace, self._sinks.open, self._metrics, self._limits)
        self._known[name] = sink
        writer.failure = None
        try:
            self._sinks.check(sink)
        except StorageError as error:
            writer.tell(sink, error)


def _sink(served: ServedModel) -> Storage | None:
    evaluation = served.resource.spec.evaluation
    return evaluation.sink if evaluation is not None else None


def _state(writer: Writer) -> dict[str, Any]:
    failure = writer.failure
    if failure is None:
        return {"ok": True}
    since = failure.since.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"ok": False, "reason": failure.reason, "message": failure.message, "since": since}
