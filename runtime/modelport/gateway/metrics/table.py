"""Every metric of the gateway, in one table.

`metrics.py` makes instruments of the rows, `system.py` and the app fill those that are read at a scrape, and
`docs/reference/metrics.md` is printed from them. Names follow Prometheus: base units, `_total` on counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

OF_MODEL = ("model", "namespace")
OF_CALL = (*OF_MODEL, "api", "version")
OF_VERSION = (*OF_MODEL, "version")
OF_GPU = ("gpu", "uuid", "device")

STAGES: Mapping[str, str] = {
    "total": "from the request's head to the finished answer",
    "fetch": "getting the pictures that the body names by URL, of requests that name some",
    "decode": "reading the body into tensors",
    "queue": "waiting for a place in a call to Triton",
    "triton": "the call to Triton",
    "encode": "wording the answer",
}
"""The parts of a request's time that `modelport_request_duration_seconds` tells apart."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
START_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


NO_SINK = "for models without `spec.evaluation.sink`"


class Kind(Enum):
    """What a metric's number means."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric: its name, what it says, and by which labels."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: Sequence[float] = ()
    """Upper bounds of a histogram."""
    statistic: str = ""
    """The row of the Nexus document's statistics that this metric answers."""
    absent: str = ""
    """When there is no such series; empty where it always exists once something has been counted."""


Reading = Mapping[Declared, Iterable[tuple[Sequence[str], float]]]
"""What was read at a scrape: label values and number of each series; a metric that is left out is absent."""

REQUESTS = Declared(
    "modelport_requests_total",
    Kind.COUNTER,
    "Requests answered, by the class of their HTTP status (2xx, 4xx …).",
    (*OF_CALL, "code"),
    statistic="Request Rate",
)
ERRORS = Declared(
    "modelport_errors_total",
    Kind.COUNTER,
    "Requests that ended in an error, by its reason.",
    (*OF_CALL, "reason"),
    statistic="Error Rate",
)
DURATION = Declared(
    "modelport_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time of a request, by stage.",
    (*OF_CALL, "stage"),
    buckets=SECONDS,
    statistic="Latency",
)
IN_FLIGHT = Declared(
    "modelport_requests_in_flight",
    Kind.GAUGE,
    "Inferences asked for and not answered yet.",
    (*OF_MODEL, "api"),
    statistic="Concurrent Requests",
)
QUEUE_LENGTH = Declared(
    "modelport_queue_length", Kind.GAUGE, "Requests on their way through Triton: waiting, or in a call.", OF_VERSION
)
BATCH_SIZE = Declared(
    "modelport_batch_size",
    Kind.HISTOGRAM,
    "Rows of the call to Triton that carried a request, counted once a request.",
    OF_VERSION,
    buckets=ROWS,
    absent="for a model without a batch dimension",
)
REQUEST_BYTES = Declared(
    "modelport_request_bytes_total", Kind.COUNTER, "Bytes of request bodies, as they came.", OF_CALL
)
RESPONSE_BYTES = Declared(
    "modelport_response_bytes_total", Kind.COUNTER, "Bytes of response bodies, as they were sent.", OF_CALL
)
KEY_REQUESTS = Declared(
    "modelport_key_requests_total",
    Kind.COUNTER,
    "Requests admitted by a key, by the key's name.",
    (*OF_MODEL, "key"),
    absent="for callers without a key of an anonymous model",
)
BILLABLE_REQUESTS = Declared(
    "modelport_billable_requests_total",
    Kind.COUNTER,
    "Inferences answered with success; of a Serverless model, those after the first 500, which are free.",
    OF_MODEL,
)
SERVERLESS_REQUESTS = Declared(
    "modelport_serverless_requests",
    Kind.GAUGE,
    "Inferences that a Serverless model has answered in this calendar month (UTC), kept over restarts.",
    OF_MODEL,
    absent="for models of type Dedicated",
)
SERVERLESS_QUOTA = Declared(
    "modelport_serverless_quota_requests",
    Kind.GAUGE,
    "Inferences that a Serverless model may answer in a calendar month.",
    OF_MODEL,
    absent="where the model has no quota",
)
SERVERLESS_FAILURES = Declared(
    "modelport_serverless_usage_failures_total",
    Kind.COUNTER,
    "Times that the use of a Serverless model could not be kept: requests went uncounted, or an account began anew.",
)
FLAGGED_STORED = Declared(
    "modelport_flagged_pictures_stored_total",
    Kind.COUNTER,
    "Flagged pictures stored with their answers, in every upload group.",
    OF_MODEL,
    absent=NO_SINK,
)
FLAGGED_FAILED = Declared(
    "modelport_flagged_pictures_failed_total",
    Kind.COUNTER,
    "Flagged pictures that could not be stored, by the reason of the last attempt.",
    (*OF_MODEL, "reason"),
    absent=NO_SINK,
)
FLAGGED_DROPPED = Declared(
    "modelport_flagged_pictures_dropped_total",
    Kind.COUNTER,
    "Flagged pictures that found the queue to the sink full.",
    OF_MODEL,
    absent=NO_SINK,
)
FLAGGED_WAITING = Declared(
    "modelport_flagged_pictures_waiting",
    Kind.GAUGE,
    "Flagged pictures on their way to the sink.",
    OF_MODEL,
    absent=NO_SINK,
)
COLD_START = Declared(
    "modelport_cold_start_seconds",
    Kind.HISTOGRAM,
    "Time from the wish to serve a model until it first answered.",
    OF_MODEL,
    buckets=START_SECONDS,
)
READY = Declared(
    "modelport_model_ready",
    Kind.GAUGE,
    "1 where the model answers, else 0.",
    OF_MODEL,
)
UPTIME = Declared(
    "modelport_model_uptime_seconds_total",
    Kind.COUNTER,
    "Time in which the model answered.",
    OF_MODEL,
    statistic="Uptime",
)
PLANNED_DOWNTIME = Declared(
    "modelport_model_planned_downtime_seconds_total",
    Kind.COUNTER,
    "Time in which the model was stopped by its schedule, or idle as Serverless allows.",
    OF_MODEL,
)
UNPLANNED_DOWNTIME = Declared(
    "modelport_model_unplanned_downtime_seconds_total",
    Kind.COUNTER,
    "Time in which the model should have answered and did not.",
    OF_MODEL,
)
INSTANCE_SECONDS = Declared(
    "modelport_instance_seconds_total",
    Kind.COUNTER,
    "Time in which this instance was held for the model, whether it answered or not.",
    OF_MODEL,
)
CONFIG_PROBLEMS = Declared(
    "modelport_config_problems",
    Kind.GAUGE,
    "Files of the serving configuration that cannot be used as they stand.",
)
TRITON_UP = Declared(
    "modelport_triton_up",
    Kind.GAUGE,
    "1 where Triton's metrics could be read for this answer, else 0.",
    absent="where the gateway was given no address of Triton's metrics",
)
TRITON_RESTARTS = Declared(
    "modelport_triton_restarts_total", Kind.COUNTER, "Times that Triton came back after it had been gone."
)
CPU_SECONDS = Declared(
    "modelport_cpu_seconds_total",
    Kind.COUNTER,
    "CPU time used: by the container, or outside of one by the processes of this server.",
    statistic="CPU Usage",
)
CPU_LIMIT = Declared(
    "modelport_cpu_limit_cores", Kind.GAUGE, "CPU cores that the container may use.", absent="where there is no limit"
)
MEMORY = Declared(
    "modelport_memory_bytes",
    Kind.GAUGE,
    "Memory in use: the container's working set, or outside of one the processes' resident sets.",
    statistic="Memory Usage",
)
MEMORY_LIMIT = Declared(
    "modelport_memory_limit_bytes",
    Kind.GAUGE,
    "Memory that the container may use.",
    absent="where there is no limit",
)

NO_GPU = "where there is no GPU, or neither NVML nor Triton can see one"
GPU_UTILIZATION = Declared(
    "modelport_gpu_utilization_ratio",
    Kind.GAUGE,
    "Share of time in which the GPU computed, 0 to 1.",
    OF_GPU,
    absent=NO_GPU,
)
GPU_MEMORY_USED = Declared(
    "modelport_gpu_memory_used_bytes",
    Kind.GAUGE,
    "GPU memory in use, by all processes.",
    OF_GPU,
    statistic="GPU Usage",
    absent=NO_GPU,
)
GPU_MEMORY_TOTAL = Declared("modelport_gpu_memory_bytes", Kind.GAUGE, "GPU memory there is.", OF_GPU, absent=NO_GPU)
GPU_POWER = Declared("modelport_gpu_power_watts", Kind.GAUGE, "Power that the GPU draws.", OF_GPU, absent=NO_GPU)

DECLARED: tuple[Declared, ...] = (
    REQUESTS,
    ERRORS,
    DURATION,
    IN_FLIGHT,
    QUEUE_LENGTH,
    BATCH_SIZE,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    KEY_REQUESTS,
    BILLABLE_REQUESTS,
    SERVERLESS_REQUESTS,
    SERVERLESS_QUOTA,
    SERVERLESS_FAILURES,
    FLAGGED_STORED,
    FLAGGED_FAILED,
    FLAGGED_DROPPED,
    FLAGGED_WAITING,
    COLD_START,
    READY,
    UPTIME,
    PLANNED_DOWNTIME,
    UNPLANNED_DOWNTIME,
    INSTANCE_SECONDS,
    CONFIG_PROBLEMS,
    TRITON_UP,
    TRITON_RESTARTS,
    CPU_SECONDS,
    CPU_LIMIT,
    MEMORY,
    MEMORY_LIMIT,
    GPU_UTILIZATION,
    GPU_MEMORY_USED,
    GPU_MEMORY_TOTAL,
    GPU_POWER,
)
"""All of them, in the order of the reference page."""
