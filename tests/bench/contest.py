"""Each workload through the gateway and through Triton's own two endpoints, in turns.

workloads ──► rounds: gateway, Triton by HTTP, Triton by gRPC ──► contest_page.py
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
import grpc.aio
import numpy as np
import uvloop
from generators import Generator, Measurement
from plan import Plan, take_turns, tell
from server import Server, serve
from tritonclient.grpc import service_pb2_grpc
from workloads import Workload, read_message, read_triton, workloads

from modelport.loadtest.client import Request

GATEWAY, HTTP, GRPC = "gateway", "Triton, HTTP", "Triton, gRPC"
UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

Round = Mapping[str, Measurement]


@dataclass(frozen=True, slots=True)
class Contest:
    """One workload, measured."""

    name: str
    workload: Workload
    rounds: Mapping[int, Sequence[Round]]
    """By connections."""
    request_bytes: int
    answer_bytes: int
    """Of the gateway."""
    memory: int | None
    """Bytes resident of the gateway's processes at the end."""
    seconds: float

    @property
    def failed(self) -> int:
        """Failed requests of the gateway."""
        return sum(each[GATEWAY].failed for rounds in self.rounds.values() for each in rounds)

    def ratios(self, connections: int, name: str) -> list[float]:
        """Return each round's requests/s of the gateway as a part of another's."""
        rounds = self.rounds[connections]
        return [each[GATEWAY].requests_per_second / max(each[name].requests_per_second, 1e-9) for each in rounds]


def contest(generator: Generator, plan: Plan, names: Sequence[str]) -> list[Contest]:
    """Measure the named workloads; the plan's connections are not used, each workload has its own."""
    return [_contest(name, each, generator, plan) for name, each in workloads().items() if name in names]


def _contest(name: str, workload: Workload, generator: Generator, plan: Plan) -> Contest:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="modelport-bench-"))
        server = stack.enter_context(serve(workload.write(Path(folder)), workload.model))
        gateway, answer = workload.gateway(server), _check_answers(workload, server)
        subjects: dict[str, Callable[[int, float], Measurement]] = {
            GATEWAY: partial(generator.measure, gateway),
            HTTP: partial(generator.measure, workload.triton(server)),
            GRPC: partial(measure_grpc, server, workload.message()),
        }
        rounds = {each: _run_rounds(name, subjects, each, plan) for each in workload.connections}
        memory = server.memory()
        return Contest(name, workload, rounds, len(gateway.body), len(answer), memory, plan.seconds)


def _run_rounds(
    name: str, subjects: Mapping[str, Callable[[int, float], Measurement]], connections: int, plan: Plan
) -> list[Round]:
    rounds = []
    for number, measured in enumerate(take_turns(subjects, connections, plan), 1):
        rounds.append(measured)
        line = ", ".join(f"{each} {measured[each].requests_per_second:,.1f}/s" for each in subjects)
        tell(f"{name}, {connections} connections, round {number}: {line}")
    return rounds


def _check_answers(workload: Workload, server: Server) -> bytes:
    """Fail unless all three answer the same; return the gateway's answer."""
    answer = _fetch(workload.gateway(server))
    with grpc.insecure_channel(server.triton_grpc, UNLIMITED) as channel:
        by_grpc = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(workload.message())
    found = [
        _flat(workload.read(answer)),
        _flat(read_triton(_fetch(workload.triton(server)), workload.output)),
        read_message(by_grpc, workload.output),
    ]
    for values in found[1:]:
        same = (
            found[0] == values if isinstance(values[0], bytes) else np.allclose(found[0], values, rtol=1e-4, atol=1e-3)
        )
        if not same:
            raise SystemExit(f"{workload.title}: different answers: {[each[:3] for each in found]}")
    return answer


def _flat(values: Any) -> list[Any]:
    return values if isinstance(values[0], bytes) else np.ravel(values).tolist()


def _fetch(request: Request) -> bytes:
    sent = urllib.request.Request(request.url, request.body, dict(request.headers), method=request.method)
    with urllib.request.urlopen(sent, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def measure_grpc(server: Server, message: Any, connections: int, seconds: float) -> Measurement:
    """Load Triton's gRPC endpoint: one request at a time by the plain blocking call, several by as many coroutines."""
    began = perf_counter()
    if connections == 1:
        with grpc.insecure_channel(server.triton_grpc, UNLIMITED) as channel:
            call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
            times = []
            while perf_counter() - began < seconds:
                sent = perf_counter()
                call(message)
                times.append(perf_counter() - sent)
    else:
        times = uvloop.run(_drive_grpc(server.triton_grpc, message, connections, seconds))
    elapsed, ordered = perf_counter() - began, sorted(times)
    return Measurement(len(times) / elapsed, statistics.median(ordered), ordered[int(len(ordered) * 0.99)], 0)


async def _drive_grpc(address: str, message: Any, connections: int, seconds: float) -> list[float]:
    times: list[float] = []
    async with grpc.aio.insecure_channel(address, UNLIMITED) as channel:
        call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        end = perf_counter() + seconds

        async def loop() -> None:
            while (sent := perf_counter()) < end:
                await call(message)
                times.append(perf_counter() - sent)

        await asyncio.gather(*(loop() for _ in range(connections)))
    return times
