"""When a schedule opens and closes: pure functions of a schedule and an instant, with no clock inside.

`state_at` is the one truth. The operator, the Jobs that start and stop instances, the gateway and `modelport serve` all
ask it, so none of them can disagree.

    clock.py   what a zone's clock shows, and when: gaps, repeated hours
    hours.py   the windows of each date, joined: the spans in which the model runs
    state.py   the questions: open now? until when? what comes next?
    cron.py    lines for Kubernetes' CronJobs, one of which fires at each transition
"""

from modelport.schedule.clock import UnknownTimeZone
from modelport.schedule.cron import CronLine, cron_lines
from modelport.schedule.state import (
    ScheduleState,
    Transition,
    next_opening,
    next_transition,
    state_at,
    transitions,
)

__all__ = [
    "CronLine",
    "ScheduleState",
    "Transition",
    "UnknownTimeZone",
    "cron_lines",
    "next_opening",
    "next_transition",
    "state_at",
    "transitions",
]
