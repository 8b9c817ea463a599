"""A reverse proxy before the API server that does what networks and busy servers do to the calls of one client.

    operator ─► FaultyProxy ─► API server ◄─ everybody else

What befalls a call is drawn by a seeded generator, so that a run can be had again as far as the order of calls allows.
A watch is passed on piece by piece; a test may end or silence all that are open.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from control_plane.cluster import Cluster

START_SECONDS = 10.0
STOP_SECONDS = 10.0
TLS_END_SECONDS = 0.25
"""For the ends of TLS connections, which aiohttp does not wait for."""
LATE_SECONDS = 0.5
RETRY_AFTER_SECONDS = 1
HOP_BY_HOP = frozenset({"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"})
"""Headers of one connection, and those that no longer hold once aiohttp has unpacked the body."""


class Fault(Enum):
    """What befalls a call."""

    DROPPED = "the connection ends before the server has seen the call"
    LOST = "the server does what it was told, and the connection ends before the answer"
    CUT = "the connection ends in the middle of the answer"
    LATE = "the answer takes its time"
    CONFLICT = "409, without anything done"
    BUSY = "429 with Retry-After, without anything done"
    BROKEN = "500, without anything done"
    AWAY = "503, without anything done"


class WatchFault(Enum):
    """What befalls all open watches."""

    CUT = "the connection ends"
    GONE = "410: what was asked for is too old"
    SILENT = "the connection stays, and nothing comes any more"


REFUSALS: Mapping[Fault, tuple[int, str, str]] = {
    Fault.CONFLICT: (409, "Conflict", "the object has been modified"),
    Fault.BUSY: (429, "TooManyRequests", "please try again later"),
    Fault.BROKEN: (500, "InternalError", "etcdserver: leader changed"),
    Fault.AWAY: (503, "ServiceUnavailable", "the server is currently unable to handle the request"),
}
"""Status, reason and message, as the API server words them."""


class Faults:
    """Draws what befalls each call, by the share of calls that each fault has."""

    def __init__(self, seed: int, shares: Mapping[Fault, float]) -> None:
        self._random = random.Random(seed)
        self._faults: list[Fault | None] = [*shares, None]
        self._weights = [*shares.values(), 1 - sum(shares.values())]

    def __call__(self, method: str, path: str) -> Fault | None:
        fault = self._random.choices(self._faults, self._weights)[0]
        return None if fault is Fault.CONFLICT and method == "GET" else fault  # there is nothing to be in conflict with


def no_faults(method: str, path: str) -> Fault | None:
    """Let every call through."""
    return None


class FaultyProxy:
    """A running proxy; its methods may be called from any thread."""

    front: Cluster
    """The control plane as it looks from before the proxy: its kubeconfigs lead through it."""

    def __init__(self, cluster: Cluster, loop: asyncio.AbstractEventLoop) -> None:
        self.choose: Callable[[str, str], Fault | None] = no_faults
        """What befalls a call, by its method and path."""
        self.seen: Counter[Fault | WatchFault] = Counter()
        """What has befallen calls and watches so far."""
        self._cluster = cluster
        self.loop = loop
        self._ends: set[asyncio.Future[WatchFault]] = set()

    @property
    def watches(self) -> int:
        """Those that are open and well."""
        return sum(not end.done() for end in self._ends)

    def disturb_watches(self, fault: WatchFault) -> None:
        """Let something befall every watch that is open now; those that are opened later are well."""
        asyncio.run_coroutine_threadsafe(self._disturb(fault), self.loop).result(START_SECONDS)

    async def _disturb(self, fault: WatchFault) -> None:
        for end in list(self._ends):
            if not end.done():
                end.set_result(fault)
                self.seen[fault] += 1

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """Listen on loopback; give the port."""
        trust = ssl.create_default_context(cafile=str(self._cluster.folder / "apiserver.crt"))
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        async with aiohttp.ClientSession(self._cluster.url, connector=connector, auto_decompress=True) as self._session:
            app = web.Application(client_max_size=16 * 1024**2)
            app.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                yield runner.addresses[0][1]
            finally:
                await self._disturb(WatchFault.CUT)
                await runner.cleanup()
                await self._session.close()
                await asyncio.sleep(TLS_END_SECONDS)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            return await self._watch(request)
        fault = self.choose(request.method, request.path)
        if fault is not None:
            self.seen[fault] += 1
        if fault in REFUSALS:
            return refuse(*REFUSALS[fault])
        if fault is Fault.LATE:
            await asyncio.sleep(LATE_SECONDS)
        if fault is Fault.DROPPED:
            return hang_up(request)
        async with self._pass_on(request) as answer:
            content = await answer.read()
            headers = end_to_end(answer.headers)
        if fault is Fault.LOST:
            return hang_up(request)
        if fault is Fault.CUT:
            return await cut_short(request, answer.status, headers, content)
        return web.Response(status=answer.status, headers=headers, body=content)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        end: asyncio.Future[WatchFault] = asyncio.get_running_loop().create_future()
        self._ends.add(end)
        try:
            async with self._pass_on(request) as answer:
                response = web.StreamResponse(status=answer.status, headers=end_to_end(answer.headers))
                await response.prepare(request)
                with suppress(ConnectionResetError):  # the client has hung up
                    await relay(request, answer.content, response, end)
                return response
        finally:
            self._ends.discard(end)
            end.cancel()

    def _pass_on(self, request: web.Request) -> Any:
        timeout = aiohttp.ClientTimeout(total=None)
        return self._session.request(
            request.method,
            request.raw_path,
            headers=end_to_end(request.headers),
            data=request.content if request.can_read_body else None,
            timeout=timeout,
        )


async def relay(
    request: web.Request, source: aiohttp.StreamReader, response: web.StreamResponse, end: asyncio.Future[WatchFault]
) -> None:
    """Pass a watch on until the server ends it, the client is gone, or something befalls it."""
    while True:
        reading = asyncio.ensure_future(source.readany())
        try:
            await asyncio.wait({reading, end}, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                await spoil(request, response, end.result())
                return
            piece = await reading
        finally:
            reading.cancel()
        if not piece:
            return
        await response.write(piece)


async def spoil(request: web.Request, response: web.StreamResponse, fault: WatchFault) -> None:
    """Let something befall a watch."""
    match fault:
        case WatchFault.CUT:
            await response.write(b'{"type":"MODIFIED","object":{"kind":"Depl')  # no piece ends where a line does
            hang_up(request)
        case WatchFault.GONE:
            told = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}
            await response.write(json.dumps({"type": "ERROR", "object": told}).encode() + b"\n")
        case WatchFault.SILENT:
            await asyncio.Event().wait()  # until the client hangs up, which cancels this


def refuse(status: int, reason: str, message: str) -> web.Response:
    """Refuse a call as the API server does."""
    told = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason}
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 429 else {}
    return web.json_response(told | {"message": message}, status=status, headers=headers)


def hang_up(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_short(request: web.Request, status: int, headers: Mapping[str, str], content: bytes) -> web.Response:
    """Send half of an answer, and end the connection."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    return hang_up(request)


def end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that mean something beyond one connection."""
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


@contextmanager
def faulty_proxy(cluster: Cluster) -> Iterator[FaultyProxy]:
    """Run a proxy before a control plane, in a thread of its own."""
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        ready, stop = threading.Event(), asyncio.Event()
        started: list[FaultyProxy] = []

        async def work() -> None:
            proxy = FaultyProxy(cluster, asyncio.get_running_loop())
            async with proxy.serve() as port:
                proxy.front = lead_through(cluster, Path(folder), f"http://127.0.0.1:{port}")
                started.append(proxy)
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=asyncio.run, args=[work()], name="faulty proxy")
        thread.start()
        if not ready.wait(START_SECONDS):
            raise RuntimeError("the proxy did not start")
        try:
            yield started[0]
        finally:
            started[0].loop.call_soon_threadsafe(stop.set)
            thread.join(STOP_SECONDS)


def lead_through(cluster: Cluster, folder: Path, url: str) -> Cluster:
    """Write kubeconfigs like those of a control plane, with another address, into a folder."""
    for source in cluster.folder.glob("*.kubeconfig"):
        kubeconfig = yaml.safe_load(source.read_text())
        kubeconfig["clusters"][0]["cluster"] = {"server": url}
        (folder / source.name).write_text(yaml.safe_dump(kubeconfig))
    return Cluster(url, folder, cluster.programs)
