"""How each model's time was spent: up, stopped as planned, or down; and how often Triton came back.

The first worker alone keeps these accounts, from one look at Triton (`Models.watch`) to the next, so that several
workers do not count the same second twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from modelport.gateway.metrics.instruments import GatewayMetrics

ModelKey = tuple[str, str]
"""A model's name and namespace."""


class State(Enum):
    """What a model is at a moment."""

    UP = "up"
    STOPPED = "stopped"
    """By its schedule, or idle as Serverless allows: nobody's fault, and no instance is held."""
    DOWN = "down"


class Accounts:
    """The time accounts of all models."""

    def __init__(self, metrics: GatewayMetrics, now: float) -> None:
        """Begin at `now`, in seconds of a clock that never goes back."""
        self._metrics = metrics
        self._by_state = {
            State.UP: metrics.uptime,
            State.STOPPED: metrics.planned_downtime,
            State.DOWN: metrics.unplanned_downtime,
        }
        self._now = now
        self._wanted: dict[ModelKey, float] = {}
        """Since when each model that has not answered yet is wanted."""
        self._known: frozenset[ModelKey] = frozenset()
        self._losses: int | None = None

    def tell(self, states: Mapping[ModelKey, State], losses: int | None, now: float) -> None:
        """Book the time since the last call under each model's state now, and note what has changed.

        `losses` is how often the connection to Triton was lost so far, None while it is down.
        """
        elapsed, self._now = now - self._now, now
        for model, state in states.items():
            for each, account in self._by_state.items():
                account.labels(*model).inc(elapsed if each is state and model in self._known else 0)
            if state is not State.STOPPED:
                self._metrics.instance_seconds.labels(*model).inc(elapsed if model in self._known else 0)
            self._tell_start(model, state, now, elapsed)
        self._known = frozenset(states)
        self._wanted = {model: since for model, since in self._wanted.items() if model in states}
        if losses is not None:
            if self._losses is not None and losses > self._losses:
                self._metrics.triton_restarts.inc()
            self._losses = losses

    def _tell_start(self, model: ModelKey, state: State, now: float, elapsed: float) -> None:
        """Time a start: from the wish to the first answer. A stopped model starts anew, a fallen one does not."""
        if state is State.STOPPED or model not in self._known:
            self._wanted[model] = now - elapsed
        if state is State.UP and model in self._wanted:
            self._metrics.cold_start.labels(*model).observe(now - self._wanted.pop(model))
