"""What a schedule's Jobs are told, in a ConfigMap of their own, and what follows from it at an instant. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, ValidationError

from modelport.api import InvalidManifest
from modelport.api.execution import Execution
from modelport.api.frozen import Frozen
from modelport.api.problems import problems_of
from modelport.api.schedule import Schedule
from modelport.schedule import state_at

PLAN_FILE = "schedule.json"
"""Entry of the ConfigMap NAME-schedule."""


class SchedulePlan(Frozen):
    """When a model runs, and with how many instances it begins."""

    schedule: Schedule
    """As in `spec.execution`."""
    instances: Annotated[int, Field(ge=0)]
    """Instances to begin with when the schedule opens: the fixed number, or the autoscaler's least."""

    @classmethod
    def of(cls, execution: Execution) -> SchedulePlan | None:
        """Return the plan of a `spec.execution`; None without a schedule."""
        if execution.schedule is None:
            return None
        scaling = execution.autoscaling
        instances = execution.instances if scaling is None else scaling.min_instances
        return cls(schedule=execution.schedule, instances=instances)

    @classmethod
    def parse_json(cls, text: str, where: str) -> Self:
        """Read the entry's content; raise InvalidManifest with `where` if it is no such document."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InvalidManifest(where, problems_of(error, cls)) from error

    def dump_json(self) -> str:
        """Write the entry's content, the same for equal plans."""
        return json.dumps(self.to_manifest(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def replicas_at(self, instant: datetime, current: int) -> int | None:
        """Return the number of Pods to set at an instant; None where the present one is left as it is.

        A model that runs is left alone while it is open: its number may be the autoscaler's choice.
        """
        if state_at(self.schedule, instant) == "Closed":
            return 0 if current else None
        return None if current or not self.instances else self.instances
