"""`spec.execution`: on what the model runs, how many of it, and when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelport.api.frozen import Frozen, Rule
from modelport.api.pod import PodOverrides, Resources
from modelport.api.scalars import LabelKey, Tag
from modelport.api.schedule import Schedule

ExecutionType = Literal["Dedicated", "Serverless"]
Device = Literal["CPU", "GPU"]
Metric = Literal["Concurrency", "RequestRate", "Latency", "QueueTime", "GPU", "CPU"]


class Gpu(Frozen):
    """The GPUs of one instance."""

    count: Annotated[int, Field(ge=1, le=64)] = 1
    """GPUs of one instance. 1 by default."""
    product: Tag | None = None
    """Product that the node must have, as its label `nvidia.com/gpu.product` says, such as NVIDIA-L4. Absent: any."""
    resource_name: LabelKey = "nvidia.com/gpu"
    """Extended resource to ask for; MIG slices and shared GPUs have names of their own, such as
    nvidia.com/mig-1g.5gb."""


class Autoscaling(Frozen):
    """How the number of instances follows the load."""

    min_instances: Annotated[int, Field(ge=1, le=1000)] = 1
    """Fewest instances. At least 1: only type Serverless goes to zero."""
    max_instances: Annotated[int, Field(ge=1, le=1000)]
    """Most instances."""
    metric: Metric = "Concurrency"
    """What is held at the target: requests in flight, requests per second, 95th percentile of the latency, mean time in
    the queue, GPU or CPU utilization, of an instance. Concurrency by default: it sees slow and many requests alike."""
    target: Annotated[float, Field(gt=0, le=1e9)]
    """Value of the metric that one instance should have: requests in flight (Concurrency), requests per second
    (RequestRate), milliseconds (Latency, QueueTime), percent (GPU; CPU, of what `resources` requests)."""
    engine: Literal["Auto", "HPA", "KEDA"] = "Auto"
    """What scales: a HorizontalPodAutoscaler or a KEDA ScaledObject. Auto takes KEDA where it is installed and there is
    no schedule."""

    rules = (
        Rule("self.minInstances <= self.maxInstances", "must not be above maxInstances", ".minInstances"),
        Rule(
            "!(self.metric in ['GPU', 'CPU']) || self.target <= 100.0",
            "the target of metrics GPU and CPU is a percentage, at most 100",
            ".target",
        ),
    )


class Serverless(Frozen):
    """How a Serverless model starts and stops."""

    idle_seconds: Annotated[int, Field(ge=10, le=86400)] = 300
    """Seconds without a request after which the model stops. 300 by default."""
    timeout_seconds: Annotated[int, Field(ge=1, le=900)] = 30
    """Longest execution of a request in seconds, the start not counted. 30 by default, as the NNC document has it."""
    request_quota: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """Requests in a calendar month (UTC) after which 429 is answered. Absent: no limit."""


class Rollout(Frozen):
    """How a new version of the Pods takes the old one's place."""

    strategy: Literal["Auto", "Surge", "Replace"] = "Auto"
    """Surge starts a new instance before an old one ends; Replace ends the old one first, for which no further GPU is
    needed. Auto: Replace on GPUs, Surge otherwise."""


class Execution(Frozen):
    """On what the model runs, how many of it, and when."""

    type: ExecutionType = "Dedicated"
    """Dedicated keeps its instances; Serverless starts with a request and stops when idle, on CPUs only."""
    device: Device = "CPU"
    """What the model computes on. CPU by default: it is everywhere."""
    gpu: Gpu | None = None
    """The GPUs of one instance, with device GPU. Absent there: one GPU of any product."""
    instances: Annotated[int, Field(ge=0, le=1000)] = 1
    """Instances while the model runs; `kubectl scale` writes it too, and 0 stops the model. With autoscaling it does
    not count and cannot be changed."""
    resources: Resources = Resources()
    """Requests and limits of Triton's container. Absent: none but the GPUs; the gateway's have defaults of their
    own."""
    schedule: Schedule | None = None
    """When the model runs. Absent: always."""
    autoscaling: Autoscaling | None = None
    """How the number of instances follows the load. Absent: `instances` holds."""
    serverless: Serverless | None = None
    """How a Serverless model starts and stops. Absent there: every field's default."""
    rollout: Rollout = Rollout()
    """How a change takes the place of what runs."""
    pod: PodOverrides = PodOverrides()
    """What the cluster needs to know of the Pods."""

    rules = (
        Rule(
            "self.type != 'Serverless' || self.device == 'CPU'",
            "type Serverless runs on device CPU alone",
            ".device",
        ),
        Rule(
            "self.type != 'Serverless' || !has(self.schedule)",
            "schedule does not go with type Serverless, which stops by itself when idle",
            ".schedule",
        ),
        Rule(
            "self.type != 'Serverless' || !has(self.autoscaling)",
            "autoscaling does not go with type Serverless, which scales from and to zero by itself",
            ".autoscaling",
        ),
        Rule(
            "self.type == 'Serverless' || !has(self.serverless)",
            "serverless goes with type Serverless alone",
            ".serverless",
        ),
        Rule("self.device == 'GPU' || !has(self.gpu)", "gpu goes with device GPU alone", ".gpu"),
        Rule(
            "self.device == 'GPU' || !has(self.autoscaling) || self.autoscaling.metric != 'GPU'",
            "metric GPU needs device GPU",
            ".autoscaling.metric",
        ),
        Rule(
            "!has(self.schedule) || !has(self.autoscaling) || self.autoscaling.engine != 'KEDA'",
            "engine KEDA does not go with a schedule: it starts at once what the schedule stops; take Auto or HPA",
            ".autoscaling.engine",
        ),
        Rule(
            "!has(self.autoscaling) || !has(oldSelf.autoscaling) || self.instances == oldSelf.instances",
            "instances cannot change while autoscaling is set; change autoscaling.minInstances and maxInstances",
            ".instances",
        ),
    )
