"""Where one model's schedule stands. A request asks; between two transitions that is no more than two comparisons."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime

from modelport.api.schedule import Schedule
from modelport.gateway.errors import StoppedBySchedule
from modelport.schedule import ScheduleState, UnknownTimeZone, next_opening, next_transition, state_at

log = logging.getLogger(__name__)

_NEVER = datetime.max.replace(tzinfo=UTC)


class Standing:
    """A schedule and what was last found out of it. Without one a model is always open."""

    def __init__(self, schedule: Schedule | None) -> None:
        self._schedule = schedule
        self._state: ScheduleState = "Open"
        self._since = self._until = _NEVER
        """The stretch of time for which the state is known."""

    def closed(self, now: datetime) -> bool:
        """Whether the model does not run; `now` is an aware time."""
        if self._schedule is not None and not self._since <= now < self._until:
            try:
                self._state = state_at(self._schedule, now)
                self._since, self._until = now, next_transition(self._schedule, now) or _NEVER
            except UnknownTimeZone as error:
                log.error("%s: the schedule cannot be read, so the model runs without it", error)
                self._schedule, self._state = None, "Open"
        return self._state == "Closed"

    def check(self, name: str, now: datetime) -> None:
        """Raise StoppedBySchedule, with the seconds until the model opens again, if it does not run."""
        if self._schedule is None or not self.closed(now):
            return
        opening = next_opening(self._schedule, now)
        if opening is None:
            raise StoppedBySchedule(f"model {name} is stopped by its schedule, which does not start it again")
        seconds = max(1, math.ceil((opening - now).total_seconds()))
        raise StoppedBySchedule(
            f"model {name} is stopped by its schedule until {opening:%Y-%m-%dT%H:%M:%SZ}", retry_after=seconds
        )
