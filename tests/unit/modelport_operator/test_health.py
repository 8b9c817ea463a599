"""What the kubelet and Prometheus are answered."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from modelport_operator.health import Health, Phase, PortTaken
from modelport_operator.metrics import Metrics


async def ask(port: int, path: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text(), answer.headers.get("Connection", "")


@pytest.mark.parametrize(
    ("phase", "status"),
    [(Phase.WAITING, 200), (Phase.STARTING, 503), (Phase.WORKING, 200), (Phase.STOPPING, 503)],
    ids=[
        "one that waits for the Lease is ready",
        "one that begins is not",
        "one that works is",
        "one that ends is not",
    ],
)
async def test_ready(phase: Phase, status: int) -> None:
    health = Health(CollectorRegistry())
    health.phase = phase
    async with health.serve(0) as port:
        assert await ask(port, "/readyz") == (status, phase.value, "close")
        assert await ask(port, "/healthz") == (200, phase.value, "close")


async def test_metrics() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.called("GET", 404)
    async with Health(metrics.registry).serve(0) as port:
        status, text, _ = await ask(port, "/metrics")
    assert status == 200
    assert 'modelport_operator_api_calls_total{code="404",method="GET"} 1.0' in text.splitlines()


async def test_no_task_is_left_of_a_request() -> None:
    before = asyncio.all_tasks()
    async with Health(CollectorRegistry()).serve(0) as port:
        await ask(port, "/healthz")
        while asyncio.all_tasks() != before:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_port_that_somebody_else_has() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"cannot listen on port {port} for health and metrics: .*address already"):
            async with Health(CollectorRegistry()).serve(port):
                pass
