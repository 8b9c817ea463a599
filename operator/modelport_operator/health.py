"""What the kubelet and Prometheus ask the operator: /healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from modelport.errors import ModelportError


class PortTaken(ModelportError):
    """The health server cannot listen where it should."""


class Phase(Enum):
    """What the process does now; `/readyz` answers with the word."""

    WAITING = "waiting for the Lease"
    STARTING = "reading what stands in the cluster"
    WORKING = "working"
    STOPPING = "stopping"


READY = frozenset({Phase.WAITING, Phase.WORKING})
"""One that waits for the Lease is ready to take over, and a Deployment with two replicas is complete."""


class Health:
    """The health server of one process; `phase` is set by what the process does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.phase = Phase.STARTING

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[int]:
        """Listen on all addresses and give the port, which the kernel chooses for 0; raises PortTaken."""
        app = web.Application(middlewares=[_close])
        app.add_routes([web.get("/healthz", self._live), web.get("/readyz", self._ready)])
        app.add_routes([web.get("/metrics", self._metrics)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104  the kubelet comes from outside
            except OSError as error:
                raise PortTaken(f"cannot listen on port {port} for health and metrics: {error.strerror}") from error
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        """Answer as long as the event loop turns; a lost Lease and failed watches end the process by themselves."""
        return web.Response(text=self.phase.value)

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text=self.phase.value, status=200 if self.phase in READY else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


@web.middleware
async def _close(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep no connection: kopf's end would wait for the task of each."""
    response = await handler(request)
    response.force_close()
    return response
