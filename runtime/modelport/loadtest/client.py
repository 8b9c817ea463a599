"""The closed loop: each of `concurrency` connections sends its next request when its last one is answered."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter

import aiohttp
from yarl import URL

from modelport.loadtest.tally import Tally, failed_exchange, failed_reply

PAUSE_SECONDS = 0.05
"""A connection that failed waits this long, so that a server that is down is not hammered."""
PROGRESS_SECONDS = 0.1
"""How often progress is told."""

OnProgress = Callable[[int, int], None]
"""Told how many requests have ended and how many of them failed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, again and again."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = 30.0
    """Seconds that it may take, connecting included."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is sent; exactly one of `requests` and `seconds` is set."""

    request: Request
    concurrency: int
    requests: int | None = None
    seconds: float | None = None
    """No request starts later than this; those under way are waited for."""

    def split(self, parts: int) -> list[Plan]:
        """Share connections and requests out to `parts` clients, as evenly as it goes and to the last request."""
        connections = _shares(self.concurrency, parts)
        requests = [None] * parts if self.requests is None else _shares(self.requests, parts)
        return [replace(self, concurrency=c, requests=r) for c, r in zip(connections, requests, strict=True)]


async def drive(plan: Plan, stop: asyncio.Event, on_progress: OnProgress = lambda done, failed: None) -> Tally:
    """Carry the plan out in this event loop. When `stop` is set, requests under way are dropped, uncounted."""
    tally = Tally()
    async with open_session(plan.request) as session:
        started = perf_counter()
        tickets = _tickets(plan, started)
        clients = asyncio.gather(*(_client(session, plan, tickets, tally) for _ in range(plan.concurrency)))
        watch = asyncio.create_task(_watch(tally, on_progress))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((clients, stopped), return_when=asyncio.FIRST_COMPLETED)
            tally.elapsed = perf_counter() - started
            if clients.done():
                clients.result()
        finally:
            for task in (clients, watch, stopped):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
    on_progress(tally.total, tally.failed)
    return tally


def open_session(request: Request) -> aiohttp.ClientSession:
    """Open a session that adds nothing of its own: no cookies, proxies, decompression or limit of connections."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=request.timeout),
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding",),
    )


async def exchange(session: aiohttp.ClientSession, request: Request, url: URL | None = None) -> tuple[int, bytes]:
    """Send one request and return status and body; redirects are answers like any other."""
    async with session.request(
        request.method,
        url or URL(request.url),
        headers=request.headers,
        data=request.body or None,
        allow_redirects=False,
    ) as response:
        return response.status, await response.read()


async def _client(session: aiohttp.ClientSession, plan: Plan, tickets: Iterator[int], tally: Tally) -> None:
    request, url, sent = plan.request, URL(plan.request.url), len(plan.request.body)
    for _ in tickets:
        started = perf_counter()
        try:
            status, body = await exchange(session, request, url)
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            tally.fail(failed_exchange(error, request.timeout))
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        tally.bytes_sent += sent
        tally.bytes_received += len(body)
        if 200 <= status < 300:
            tally.succeed(perf_counter() - started)
        else:
            tally.fail(failed_reply(status, body))


def _tickets(plan: Plan, started: float) -> Iterator[int]:
    """Return the one iterator that all connections draw from; each ticket is the right to one request."""
    if plan.seconds is None:
        return iter(range(plan.requests or 0))
    deadline = started + plan.seconds
    return itertools.takewhile(lambda _: perf_counter() < deadline, itertools.count())


async def _watch(tally: Tally, on_progress: OnProgress) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        on_progress(tally.total, tally.failed)


def _shares(whole: int, parts: int) -> list[int]:
    return [whole // parts + (part < whole % parts) for part in range(parts)]
