"""The PublishedModel itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from modelport.api import names
from modelport.api.access import Access
from modelport.api.evaluation import Evaluation, Retraining
from modelport.api.execution import Execution
from modelport.api.frozen import Frozen, Rule
from modelport.api.io import Io, Task
from modelport.api.limits import Limits
from modelport.api.scalars import DnsLabel, ListSet, Moment, Tag
from modelport.api.source import ModelSpec
from modelport.api.status import Status

Api = Literal["tensorflow-serving", "nnc", "prediction-one", "nexus", "azureml", "open-inference"]

APIS_FOR_ALL: tuple[Api, ...] = ("tensorflow-serving", "nnc", "open-inference")
"""APIs that carry any tensors."""

APIS_BY_TASK: Mapping[Task, tuple[Api, ...]] = {
    "ImageClassification": ("nexus", "azureml"),
    "ObjectDetection": ("nexus",),
    "InstanceSegmentation": ("nexus",),
    "TabularClassification": ("prediction-one",),
    "TabularRegression": ("prediction-one",),
}
"""APIs that fit one kind of model alone."""


_IMAGE_TASKS = ["ImageClassification", "ObjectDetection", "InstanceSegmentation"]
_TABULAR_TASKS = ["TabularClassification", "TabularRegression"]


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _fits(api: Api, tasks: list[str]) -> Rule:
    return Rule(
        f"!has(self.apis) || !('{api}' in self.apis) || self.io.task in {tasks}",
        f"{api} needs io.task {_either(tasks)}",
        ".apis",
    )


class Metadata(Frozen):
    """What Kubernetes keeps of every object, as far as it matters here; `parse.py` leaves the rest aside."""

    name: str
    namespace: DnsLabel = "default"
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)
    uid: str = ""
    generation: int | None = None
    resource_version: str = ""
    creation_timestamp: Moment | None = None


class PublishedModelSpec(Frozen):
    """What is wanted."""

    model: ModelSpec
    """The model: its name, format, files and versions."""
    io: Io = Io()
    """What the model's tensors mean."""
    apis: Annotated[tuple[Api, ...], Field(min_length=1, max_length=6), ListSet()] | None = None
    """Ways to call the model. Absent: all that fit the task."""
    execution: Execution = Execution()
    """On what the model runs, how many of it, and when."""
    access: Access = Access()
    """At which address the model answers, and to whom."""
    limits: Limits = Limits()
    """How much one request may ask for, and how many may wait."""
    evaluation: Evaluation | None = None
    """Which requests are worth a second look. Absent: none is flagged."""
    retraining: Retraining | None = None
    """How the model is trained again from new data. Absent: it is not."""
    version_tag: Tag | None = None
    """A word of your own for this state of the resource, such as spring-2026; a new one rolls the Pods."""

    rules = (
        _fits("nexus", _IMAGE_TASKS),
        _fits("azureml", ["ImageClassification"]),
        _fits("prediction-one", _TABULAR_TASKS),
        Rule(
            "self.execution.device == 'GPU' || !has(self.model.config) || !has(self.model.config.instancesPerGpu)",
            "instancesPerGpu needs execution.device GPU",
            ".model.config.instancesPerGpu",
        ),
        Rule(
            f"!has(self.evaluation) || self.io.task in {_IMAGE_TASKS}",
            f"evaluation needs io.task {_either(_IMAGE_TASKS)}",
            ".evaluation",
        ),
        Rule(
            "!has(self.retraining) || self.retraining.task == self.io.task",
            "must be the same as spec.io.task",
            ".retraining.task",
        ),
    )


class PublishedModel(Frozen):
    """A trained model, published as HTTP APIs."""

    api_version: Literal["modelport.io/v1alpha1"] = "modelport.io/v1alpha1"
    kind: Literal["PublishedModel"] = "PublishedModel"
    metadata: Metadata
    spec: PublishedModelSpec
    status: Status | None = None

    rules = (
        Rule(
            f"size(self.metadata.name) <= {names.MAX_NAME_LENGTH}",
            f"metadata.name has at most {names.MAX_NAME_LENGTH} characters: its children have longer names",
        ),
        Rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name begins with a letter and holds lower-case letters, digits and hyphens: Services need it so",
        ),
        Rule(
            "!((has(self.spec.model.name) ? self.spec.model.name : self.metadata.name) in "
            f"{list(names.RESERVED_MODEL_NAMES)})",
            f"the model's name must not be a path of the gateway: {', '.join(names.RESERVED_MODEL_NAMES)}",
            ".spec.model.name",
        ),
    )


def model_name(resource: PublishedModel) -> str:
    """Return the name that addresses and Triton use: `spec.model.name`, else `metadata.name`."""
    return resource.spec.model.name or resource.metadata.name


def apis_of(spec: PublishedModelSpec) -> tuple[Api, ...]:
    """Return the APIs that are served: `spec.apis`, else all that fit the task."""
    return spec.apis or APIS_BY_TASK.get(spec.io.task, ()) + APIS_FOR_ALL
