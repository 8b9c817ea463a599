"""One model's flagged pictures on their way to its sink: a bounded queue, and a thread that empties it.

A thread of its own, because the libraries of the stores block; a daemon, because a disk that hangs must not keep the
process. One for each model, because a sink that hangs must not hold up another's.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from modelport.api.evaluation import Storage
from modelport.gateway.evaluation.finding import File, Finding, build_files
from modelport.gateway.evaluation.sinks import Sink
from modelport.gateway.metrics import GatewayMetrics
from modelport.storage.credentials import redact
from modelport.storage.errors import Reason, StorageError

log = logging.getLogger(__name__)

STOPPED: Final = "stopped"
"""Counted with the reasons of `StorageError`: the process ended before the picture was stored."""
LASTING: Final = frozenset({Reason.DENIED, Reason.MISSING, Reason.UNUSABLE})
"""Reasons that a person must do something about; another attempt a moment later is in vain."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """How much one model's pictures may ask of the machine."""

    pictures: int = 256
    """That wait at the same time, the one that is being stored among them."""
    nbytes: int = 64 << 20
    """That they hold together."""
    pauses: tuple[float, ...] = (1.0, 5.0)
    """Seconds before each further attempt."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why pictures are not stored now."""

    reason: str
    """Of `storage.errors.Reason`."""
    message: str
    since: datetime
    """In UTC."""


class Writer:
    """The queue of one model and its thread, which lives until it is closed."""

    def __init__(
        self,
        model: str,
        namespace: str,
        open_sink: Callable[[Storage], Sink],
        metrics: GatewayMetrics,
        limits: WriterLimits,
    ) -> None:
        """Start the thread, and every series at 0, so that an alert sees the first failure."""
        self.failure: Failure | None = None
        """None where the last picture was stored, or none has been yet."""
        self._model = model
        self._open_sink = open_sink
        self._limits = limits
        labels = (model, namespace)
        self._stored = metrics.flagged_stored.labels(*labels)
        self._dropped = metrics.flagged_dropped.labels(*labels)
        self._waiting_gauge = metrics.flagged_waiting.labels(*labels)
        self._failed = {
            reason: metrics.flagged_failed.labels(*labels, reason) for reason in (*map(str, Reason), STOPPED)
        }
        self._waiting: deque[Finding] = deque()
        self._nbytes = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._sink: tuple[Storage, Sink] | None = None
        self._thread = threading.Thread(target=self._run, name=f"evaluation {model}", daemon=True)
        self._thread.start()

    def offer(self, finding: Finding) -> None:
        """Queue a picture, or drop it where there is no room. Never waits."""
        with self._changed:
            full = len(self._waiting) >= self._limits.pictures or self._nbytes + finding.nbytes > self._limits.nbytes
            if full or self._closing.is_set():
                self._dropped.inc()
                return
            self._waiting.append(finding)
            self._nbytes += finding.nbytes
            self._waiting_gauge.inc()
            self._changed.notify()

    def close(self) -> None:
        """Take no more. What waits is still stored, without pauses between attempts; then the thread ends."""
        self._closing.set()
        with self._changed:
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait for the end at most so long, after `close`; what is left then counts as failed."""
        self._thread.join(seconds)
        with self._changed:
            left = len(self._waiting)
            self._failed[STOPPED].inc(left)
            self._waiting_gauge.dec(left)
            self._waiting.clear()
        if left:
            log.warning("model %s: %d flagged pictures were not stored in time", self._model, left)

    @property
    def ended(self) -> bool:
        """Nothing is left to do."""
        return not self._thread.is_alive()

    def tell(self, storage: Storage, error: StorageError | None) -> None:
        """Note whether a sink works; only a change is logged, not every picture."""
        known = self.failure.reason if self.failure is not None else None
        if error is None:
            if known is not None:
                log.info("model %s: flagged pictures are stored again", self._model, extra={"model": self._model})
            self.failure = None
        elif error.reason != known:
            message = f"{redact(storage.uri)} {error.problem}"
            self.failure = Failure(error.reason, message, datetime.now(UTC))
            log.warning(
                "model %s: flagged pictures cannot be stored: %s", self._model, message, extra={"model": self._model}
            )

    def _run(self) -> None:
        while (finding := self._next()) is not None:
            try:
                self._store(finding)
            except Exception:
                log.exception("model %s: a flagged picture could not be stored", self._model)
                self._failed[Reason.OTHER].inc()
            with self._changed:
                if self._waiting:  # `join` may have given it up
                    self._waiting.popleft()
                    self._nbytes -= finding.nbytes
                    self._waiting_gauge.dec()

    def _next(self) -> Finding | None:
        """Wait for a picture, which stays in the queue until it is done with; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            return self._waiting[0] if self._waiting else None

    def _store(self, finding: Finding) -> None:
        storage = finding.evaluation.sink
        if storage is None:
            return
        left = deque(build_files(finding))
        for pause in (*self._limits.pauses, None):
            try:
                self._write(left, storage)
            except StorageError as error:
                self.tell(storage, error)
                if pause is None or error.reason in LASTING:
                    self._failed[error.reason].inc()
                    return
                self._closing.wait(pause)
            else:
                self.tell(storage, None)
                self._stored.inc()
                return

    def _write(self, left: deque[File], storage: Storage) -> None:
        """Write the files that are left; raises StorageError. A sink that failed is opened anew the next time."""
        if self._sink is None or self._sink[0] != storage:
            self._sink = (storage, self._open_sink(storage))
        try:
            while left:
                self._sink[1].write(left[0])
                left.popleft()
        except StorageError:
            self._sink = None  # its Secret may have changed
            raise
