"""The Python model servers that do the same jobs: what each is asked, and one of them while a measurement lasts.

scripts/environment ──► peers/NAME_server.py, in an environment of its own ──► a right answer ──► what to measure with
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import ArrayLike
from server import call, free_port, post

from modelport.loadtest.client import Request

ROOT = Path(__file__).parents[2]
NUMBERS, ROWS, PICTURES = "numbers", "rows", "pictures"
PYTHON = "3.11"
START_SECONDS = 120
STOP_SECONDS = 10
SETTLE_SECONDS = 0.1
TOLERANCE = 1e-4
"""Of an answer's numbers: a picture decoded by another path changes them by a tenth of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the gateway and all peers do in one comparison."""

    name: str
    model: Path
    """ONNX, with one input and one output."""
    value: Any
    """What is sent: a list of numbers; lists of [1, 224, 224, 3] whole numbers; a JPEG in base64."""
    expected: ArrayLike
    """The gateway's answer, which every peer must have too."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A peer's own JSON."""

    path: str
    ask: Callable[[Job], Any]
    read: Callable[[Any], ArrayLike]
    """Answer -> the numbers in it."""


def _ask_instances(job: Job) -> Any:
    return {"instances": [{"b64": job.value}] if job.name == PICTURES else job.value}


def _ask_open_inference(job: Job) -> Any:
    datatype = {NUMBERS: "FP32", ROWS: "UINT8", PICTURES: "BYTES"}[job.name]
    values = np.ravel(job.value).tolist()
    sent = {"name": "input", "shape": list(np.shape(job.value)) or [1], "datatype": datatype, "data": values}
    if job.name == PICTURES:
        sent["parameters"] = {"content_type": "base64"}
    return {"inputs": [sent]}


def _ask_own(job: Job) -> Any:
    return {"image": job.value} if job.name == PICTURES else {"x": job.value}


def _ask_one(job: Job) -> Any:
    """LitServe makes the batch: a request has no axis for it."""
    return {"x": job.value[0]} if job.name == ROWS else _ask_own(job)


KSERVE_V1 = Wire("/v1/models/model:predict", _ask_instances, lambda answer: answer["predictions"])
OPEN_INFERENCE = Wire("/v2/models/model/infer", _ask_open_inference, lambda answer: answer["outputs"][0]["data"])


@dataclass(frozen=True, slots=True)
class Peer:
    """A model server from PyPI."""

    package: str
    wires: Mapping[str, Wire]
    """By the name that stands in the tables."""
    tuning: str
    """How it is set up and why, in Markdown, with the document that says so."""

    @property
    def requirements(self) -> str:
        return f"peers-{self.package}"

    @property
    def version(self) -> str:
        text = (ROOT / "requirements" / f"{self.requirements}.txt").read_text(encoding="utf-8")
        found = re.search(rf"^{self.package}==(\S+)", text, re.MULTILINE)
        assert found
        return found[1]


class Running:
    """A peer that has answered right."""

    def __init__(self, process: subprocess.Popen[bytes], requests: Mapping[str, Request]) -> None:
        self.requests = requests
        """By the name of the wire."""
        self._process = process

    def pause(self) -> None:
        """Stop its processes where they are: some peers use the processor also when nobody asks them."""
        parent, *children = _tree(self._process)
        parent.suspend()
        time.sleep(SETTLE_SECONDS)  # for the children's last answers, without which their parent would think them hung
        for child in children:
            child.suspend()

    def resume(self) -> None:
        """Let them go on."""
        for each in reversed(_tree(self._process)):
            each.resume()
        time.sleep(SETTLE_SECONDS)


@contextlib.contextmanager
def run(peer: Peer, job: Job) -> Iterator[Running]:
    """Run a peer until the block ends."""
    made = subprocess.run(
        [ROOT / "scripts" / "environment", peer.requirements, PYTHON], stdout=subprocess.PIPE, text=True, check=True
    )
    port = free_port()
    script = Path(__file__).with_name("peers") / f"{peer.package}_server.py"
    command = [made.stdout.strip(), str(script), job.name, str(job.model.resolve()), str(port)]
    requests = {name: post(f"http://127.0.0.1:{port}{wire.path}", wire.ask(job)) for name, wire in peer.wires.items()}
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder, Path(folder, "log").open("w+b") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            for name, wire in peer.wires.items():
                problem = _wait_for_answer(process, requests[name], wire, job)
                if problem:
                    log.seek(0)
                    raise SystemExit(f"{name}, {job.name}: {problem}\n{log.read().decode(errors='replace')}")
            yield Running(process, requests)
        finally:
            _stop(process)


def _wait_for_answer(process: subprocess.Popen[bytes], request: Request, wire: Wire, job: Job) -> str | None:
    """Ask until it answers at all; say what is wrong with it. A fast wrong answer is no benchmark."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # refused, or not yet 200
            answer, expected = np.ravel(wire.read(call(request))), np.ravel(job.expected)
            if answer.shape == expected.shape and np.allclose(answer, expected, atol=TOLERANCE):
                return None
            return f"wrong answer {answer}, expected {expected}"
        time.sleep(0.2)
    return f"no answer within {START_SECONDS} s"


def _tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the peer and what it started, some of which leaves its process group."""
    tree = _tree(process) if process.poll() is None else []
    for each in tree:
        each.resume()
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    for each in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


PEERS = (
    Peer(
        "kserve",
        {"KServe v1": KSERVE_V1, "KServe v2": OPEN_INFERENCE},
        "a process a core (`workers`, [API](https://kserve.github.io/website/latest/python_runtime_api/docs/api)), "
        "neither gRPC nor a line of log for each request; pictures are read in threads. It joins no requests: that "
        "is done by [an agent](https://kserve.github.io/website/docs/model-serving/predictive-inference/batcher) "
        "before it, in a cluster. Both of its protocols are measured, on one server.",
    ),
    Peer(
        "mlserver",
        {"MLServer": OPEN_INFERENCE},
        "Open Inference; numbers in its own process, since a pool costs more than they do ([Parallel "
        "Inference](https://docs.seldon.ai/mlserver/user-guide/parallel-inference), Overhead), and [adaptive "
        "batching](https://docs.seldon.ai/mlserver/user-guide/adaptive-batching) of at most 64 within 1 ms; rows and "
        "pictures by a worker a core (`parallel_workers`). Neither metrics, gzip nor a log of requests.",
    ),
    Peer(
        "litserve",
        {"LitServe": Wire("/predict", _ask_one, lambda answer: answer["y"])},
        "a worker a core, as its documents say for the CPU, and an HTTP server for each "
        "([LitServer](https://lightning.ai/docs/litserve/api-reference/litserver): `workers_per_device`, "
        "`fast_queue`), [batches](https://lightning.ai/docs/litserve/features/batching) of at most 64 within 1 ms.",
    ),
    Peer(
        "bentoml",
        {"BentoML": Wire("/predict", _ask_own, lambda answer: answer)},
        "a worker a core ([Parallelize requests "
        "handling](https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html)), numbers and rows "
        "by [adaptive batching](https://docs.bentoml.com/en/latest/guides/adaptive-batching.html), pictures in its "
        "threads; no log of requests.",
    ),
)
