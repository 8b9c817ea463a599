"""One job after another through the gateway, through Triton's own endpoint and through each peer, in turns.

serve ──► the gateway's answer ──► peers_run.py: every peer has the same ──► rounds ──► peers_page.py
"""

from __future__ import annotations

import base64
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bare import make
from generators import Generator, Measurement
from peers_run import NUMBERS, PEERS, PICTURES, ROWS, Job, Running, run
from pictures import MODEL as COLOURS
from pictures import MODEL_SIZE, draw, write_model
from plan import Plan, take_turns, tell
from server import CORES, Server, call, post, serve
from subjects import MANIFEST, MODEL, VALUES

from modelport.loadtest.client import Request

EXAMPLES = MANIFEST.parent
GATEWAY, TRITON = "Gateway", "Triton HTTP"

Round = Mapping[str, Measurement]
"""By the name of who was measured."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was measured of one job in one run."""

    job: str
    rounds: Mapping[int, Sequence[Round]]
    """By connections."""
    seconds: float
    """Of one measurement."""

    @property
    def names(self) -> list[str]:
        """Who was measured: the gateway first."""
        return [*next(iter(self.rounds.values()))[0]]

    @property
    def failed(self) -> Mapping[str, int]:
        """Requests that failed, by who was asked."""
        rounds = [each for rounds in self.rounds.values() for each in rounds]
        return {name: sum(each[name].failed for each in rounds) for name in self.names}

    def rates(self, connections: int, name: str) -> list[float]:
        """Return each round's requests/s."""
        return [each[name].requests_per_second for each in self.rounds[connections]]

    def best_peer(self, connections: int) -> str:
        """Return the peer with the most requests/s in the median."""
        peers = [name for name in self.names if name not in (GATEWAY, TRITON)]
        return max(peers, key=lambda name: statistics.median(self.rates(connections, name)))

    def ratio(self, connections: int, name: str) -> float:
        """Return how many times as much the gateway does: the median over the rounds."""
        pairs = zip(self.rates(connections, GATEWAY), self.rates(connections, name), strict=True)
        return statistics.median(gateway / max(other, 1e-9) for gateway, other in pairs)


def compare(generator: Generator, plans: Mapping[str, Plan]) -> list[Comparison]:
    """Compare in the jobs that have a plan."""
    return [_compare(name, generator, plan) for name, plan in plans.items()]


Subject = Callable[[int, float], Measurement]
"""Is measured with so many connections for so many seconds."""


def _compare(job_name: str, generator: Generator, plan: Plan) -> Comparison:
    with JOBS[job_name]() as (job, requests), contextlib.ExitStack() as stack:
        subjects: dict[str, Subject] = {name: partial(generator.measure, request) for name, request in requests.items()}
        for peer in PEERS:
            running = stack.enter_context(run(peer, job))
            running.pause()
            subjects |= {name: partial(_measure_peer, generator, running, name) for name in running.requests}
        rounds = {connections: _run_rounds(job_name, subjects, connections, plan) for connections in plan.connections}
    return Comparison(job_name, rounds, plan.seconds)


def _measure_peer(generator: Generator, peer: Running, name: str, connections: int, seconds: float) -> Measurement:
    peer.resume()
    try:
        return generator.measure(peer.requests[name], connections, seconds)
    finally:
        peer.pause()


def _run_rounds(job: str, subjects: Mapping[str, Subject], connections: int, plan: Plan) -> list[Round]:
    rounds = []
    for number, measured in enumerate(take_turns(subjects, connections, plan), 1):
        rounds.append(measured)
        line = ", ".join(f"{name} {measured[name].requests_per_second:,.0f}/s" for name in subjects)
        tell(f"{job}, {connections} connections, round {number}: {line}")
    return rounds


Ready = Iterator[tuple[Job, dict[str, Request]]]
"""A job, and the requests of the gateway and of Triton."""


@contextlib.contextmanager
def _numbers() -> Ready:
    subprocess.run([sys.executable, EXAMPLES / "build_models.py"], stdout=subprocess.DEVNULL, check=True)
    (model,) = (EXAMPLES / "models" / MODEL).rglob("model.onnx")
    with serve(MANIFEST, MODEL, CORES) as server:
        gateway = server.post(f"/v1/models/{MODEL}:predict", {"instances": VALUES})
        triton = _triton(server, MODEL, "x", "FP32", [len(VALUES), 1], VALUES)
        yield Job(NUMBERS, model, VALUES, call(gateway)["predictions"]), {GATEWAY: gateway, TRITON: triton}


@contextlib.contextmanager
def _rows() -> Ready:
    pixels = make(base64.b64encode(draw()).decode(), MODEL_SIZE)[None]
    with _colours("tensorflow-serving") as (server, model):
        gateway = server.post(f"/v1/models/{COLOURS}:predict", {"instances": pixels.tolist()})
        triton = _triton(server, COLOURS, "image", "UINT8", list(pixels.shape), pixels.ravel().tolist())
        yield Job(ROWS, model, pixels.tolist(), call(gateway)["predictions"]), {GATEWAY: gateway, TRITON: triton}


@contextlib.contextmanager
def _pictures() -> Ready:
    """Triton has no part in it: its endpoint takes tensors."""
    text = base64.b64encode(draw()).decode()
    with _colours("azureml") as (server, model):
        gateway = server.post(f"/api/v1/service/{COLOURS}/score", [{"image_in_base64": text}])
        yield Job(PICTURES, model, text, call(gateway)[0]), {GATEWAY: gateway}


JOBS = {NUMBERS: _numbers, ROWS: _rows, PICTURES: _pictures}


@contextlib.contextmanager
def _colours(api: str) -> Iterator[tuple[Server, Path]]:
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        manifest = write_model(Path(folder), (api,))
        with serve(manifest, COLOURS, CORES) as server:
            yield server, manifest.with_name("model.onnx")


def _triton(server: Server, model: str, name: str, datatype: str, shape: list[int], values: list[Any]) -> Request:
    sent = {"name": name, "shape": shape, "datatype": datatype, "data": values}
    return post(f"{server.triton}/v2/models/{model}/infer", {"inputs": [sent]})
