"""`status`: what the operator found, for people (state, message) and machines (conditions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from modelport.api.frozen import Frozen
from modelport.api.scalars import ListMap, ListSet, Moment, Version

State = Literal[
    "Pending", "Downloading", "WaitingForGPU", "Loading", "Serving", "Updating", "Stopped", "Degraded", "Failed"
]
_Short = Annotated[str, Field(max_length=256)]
_Long = Annotated[str, Field(max_length=2048)]
_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Condition(Frozen):
    """One thing that is true, false or not known of the resource."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """Name of the condition, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    """Generation of the resource for which this was found."""
    last_transition_time: Moment
    """When the status last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """Cause in one CamelCase word, for machines."""
    message: Annotated[str, Field(max_length=32768)]
    """Cause in a sentence, for people."""


class Endpoint(Frozen):
    """Where one API is called."""

    api: _Short
    """Name of the API, as in `spec.apis`."""
    url: _Long
    """Address to call."""


class ModelStatus(Frozen):
    """The model that is served."""

    version: _Short | None = None
    """Version that answers requests which name none."""
    digest: _Short | None = None
    """Digest of the files."""
    labels: Annotated[Mapping[str, Version], Field(max_length=32)] = Field(default_factory=dict)
    """Names for versions."""
    serving: Annotated[tuple[_Short, ...], Field(max_length=1024), ListSet()] = ()
    """Versions that answer."""
    config: _Short | None = None
    """Digest of the settings for which version and digest were found; later Pods with the same settings take the same
    files."""


class ScheduleStatus(Frozen):
    """Where the schedule stands."""

    state: Literal["Open", "Closed"]
    """Whether the model runs now."""
    next_transition: _Short | None = None
    """When that changes next. Absent: never."""


class KeyStatus(Frozen):
    """A key that works."""

    name: _Short
    """Name of the key."""
    created: Moment | None = None
    """When it was made."""
    expires: Moment | None = None
    """When it stops working. Absent: never."""


class Images(Frozen):
    """The images that the Pods run, kept through an upgrade of the operator."""

    runtime: _Long | None = None
    """Image of fetch and gateway."""
    triton: _Long | None = None
    """Image of Triton."""
    config: _Short | None = None
    """Digest of the settings for which they were chosen."""
    upgrade: _Short | None = None
    """Value of the annotation modelport.io/upgrade for which they were chosen."""


class Status(Frozen):
    """What the operator found."""

    observed_generation: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    """Generation of the resource that this status is about."""
    state: State | None = None
    """Summary for people; machines read the conditions."""
    url: _Long | None = None
    """Address of the model."""
    endpoints: Annotated[tuple[Endpoint, ...], Field(max_length=16), ListMap("api")] = ()
    """Where each API is called."""
    api_summary: _Short | None = None
    """Names of the APIs in one line, since kubectl prints the first entry of a list only."""
    instances: _Count | None = None
    """Instances that exist."""
    ready_instances: _Count | None = None
    """Instances that answer."""
    instance_summary: _Short | None = None
    """Instances that answer, of those wanted, such as 1/2."""
    selector: _Long | None = None
    """Labels of the Pods, for autoscalers."""
    gpu: _Short | None = None
    """GPUs of one instance, such as 1 NVIDIA-L4. Absent: none."""
    model: ModelStatus | None = None
    """The model that is served."""
    schedule: ScheduleStatus | None = None
    """Where the schedule stands."""
    keys: Annotated[tuple[KeyStatus, ...], Field(max_length=64), ListMap("name")] = ()
    """Keys that work, without their values."""
    images: Images | None = None
    """The images that the Pods run; they move with a spec that needs new Pods, or annotation modelport.io/upgrade."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32), ListMap("type")] = ()
    """What is true of the resource: Ready (it answers now), Progressing (a change is on its way) and others."""
