"""A listening socket and its connections: idle ones are closed in time, and at the end what was begun is finished."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from modelport.gateway.http.connection import Connection, Handler

KEEPALIVE_SECONDS = 75.0
"""Longer than the 60 s of common load balancers, which must be the ones to close an idle connection."""
SWEEP_SECONDS = 5.0


@contextlib.asynccontextmanager
async def listening(
    handler: Handler, bound: socket.socket, *, backlog: int, drain_seconds: float
) -> AsyncIterator[None]:
    """Take requests on a socket; on leaving, take no more and wait for those in flight."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handler, connections), sock=bound, backlog=backlog)
    sweep = asyncio.create_task(_sweep(connections))
    try:
        yield
    finally:
        sweep.cancel()
        server.close()
        for connection in list(connections):
            connection.close_when_idle()
        if tasks := [connection.task for connection in connections if connection.task is not None]:
            await asyncio.wait(tasks, timeout=drain_seconds)
        for connection in list(connections):
            connection.abort()


async def _sweep(connections: set[Connection]) -> None:
    """Close connections that have been silent for too long, in the middle of a head or between two requests."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        oldest = asyncio.get_running_loop().time() - KEEPALIVE_SECONDS
        for connection in list(connections):
            if connection.task is None and connection.idle_since < oldest:
                connection.close_when_idle()
