"""A listening socket and its connections: idle ones are closed in time, and at the end what was begun is finished."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from modelport.gateway.http.connection import Connection, Handler, Refuse

KEEPALIVE_SECONDS = 75.0
"""Longer than the 60 s of common load balancers, which must be the ones to close an idle connection."""
SWEEP_SECONDS = 5.0
PARTING_SECONDS = 2.0
"""At the end, for the next request on each connection: its answer says that the connection closes. One that is closed
without a word may break the request that is on its way at that moment."""


@contextlib.asynccontextmanager
async def listening(
    handler: Handler,
    bound: socket.socket,
    *,
    backlog: int,
    drain_seconds: float,
    parting_seconds: float = PARTING_SECONDS,
    refuse: Refuse = lambda _: None,
) -> AsyncIterator[None]:
    """Take requests on a socket; on leaving, part with each connection and wait for the requests in flight."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handler, connections, refuse), sock=bound, backlog=backlog)
    sweep = asyncio.create_task(_sweep(connections))
    try:
        yield
    finally:
        sweep.cancel()
        server.close()
        for connection in connections:
            connection.close_after_answer()
        await _wait_for_none(connections, parting_seconds)
        for connection in list(connections):
            connection.close_when_idle()
        if tasks := [connection.task for connection in connections if connection.task is not None]:
            await asyncio.wait(tasks, timeout=drain_seconds)
        for connection in list(connections):
            connection.abort()


async def _wait_for_none(connections: set[Connection], seconds: float) -> None:
    """Return when every connection that is not in the middle of an answer has ended, or after some time."""
    until = asyncio.get_running_loop().time() + seconds
    while any(each.task is None for each in connections) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def _sweep(connections: set[Connection]) -> None:
    """Close connections that have been silent for too long, in the middle of a head or between two requests."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        oldest = asyncio.get_running_loop().time() - KEEPALIVE_SECONDS
        for connection in list(connections):
            if connection.task is None and connection.idle_since < oldest:
                connection.close_when_idle()
