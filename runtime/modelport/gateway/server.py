"""One gateway process: listening sockets, what answers on them, and an orderly end.

SIGTERM → not ready any more → no new connections → what was begun is finished → the connection to Triton closes
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from modelport.gateway import http
from modelport.gateway.app import Gateway
from modelport.gateway.config import STOP_SIGNALS, GatewayOptions, read_config, watch_config
from modelport.gateway.cores import usable_cores
from modelport.gateway.exposition import Exposition
from modelport.gateway.live_model import LiveModel
from modelport.gateway.memory import forget_garbage_of_start, keep_freed_memory
from modelport.gateway.metrics import GatewayMetrics
from modelport.gateway.metrics.accounts import Accounts, State
from modelport.gateway.ports import build_metrics_handler, build_public_handler
from modelport.gateway.sockets import BACKLOG, Pair
from modelport.gateway.triton import Triton

log = logging.getLogger(__name__)

SINK_SECONDS = 4.0
"""For flagged pictures that wait when the last request has ended; who stopped us waits 5 s longer for all of it."""
SCRAPE_SECONDS = 1.0
"""At the very end, for a scrape that has begun."""
WAITING_THREADS = 2
"""Threads beyond one for each core: some work, as a compressed DICOM frame, waits for another process. More of them
would hold more decoded pictures in memory without being faster."""


async def serve(options: GatewayOptions, listening: Pair) -> None:
    """Serve on two listening sockets until SIGTERM or SIGINT."""
    keep_freed_memory()
    threads = ThreadPoolExecutor(usable_cores() + WAITING_THREADS, "work")
    asyncio.get_running_loop().set_default_executor(threads)
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        triton = Triton(options.triton, options.triton_http)
        stack.push_async_callback(triton.close)
        gateway = Gateway(options, GatewayMetrics(), triton)
        stack.push_async_callback(asyncio.to_thread, gateway.evaluation.close, SINK_SECONDS)
        await stack.enter_async_context(_watching(options, gateway, triton))

        metrics = http.listening(
            build_metrics_handler(gateway, Exposition(gateway, options)),
            listening.metrics,
            backlog=BACKLOG,
            drain_seconds=SCRAPE_SECONDS,
            parting_seconds=0,
        )
        await stack.enter_async_context(metrics)
        public = http.listening(
            build_public_handler(gateway),
            listening.public,
            backlog=BACKLOG,
            drain_seconds=options.drain_seconds,
            refuse=gateway.crowd.refuse,
        )
        await stack.enter_async_context(public)
        forget_garbage_of_start()
        log.info("listening on port %d, metrics on port %d", *listening.ports)
        await stop.wait()
        gateway.draining = True
        log.info("stopping: no new requests; those begun have %g s to end", options.drain_seconds)


@contextlib.asynccontextmanager
async def _watching(options: GatewayOptions, gateway: Gateway, triton: Triton) -> AsyncIterator[None]:
    """Keep the configuration and the models' states current."""
    accounts = Accounts(gateway.metrics, monotonic())
    config = read_config(options.config)
    gateway.apply(config)
    await gateway.models.refresh()

    def on_look() -> None:
        if options.worker_index == 0:
            states = {(model.name, model.namespace): _state_of(model) for model in gateway.models}
            accounts.tell(states, triton.losses if gateway.models.triton_up else None, monotonic())

    tasks = [
        asyncio.create_task(_undying(lambda: watch_config(options.config, gateway.apply, config))),
        asyncio.create_task(_undying(lambda: gateway.models.watch(on_look))),
        asyncio.create_task(_undying(triton.watch_connection)),
        asyncio.create_task(_undying(gateway.usage.sync_forever)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gateway.usage.sync()


def _state_of(model: LiveModel) -> State:
    if model.stopped:
        return State.STOPPED
    return State.UP if model.ready else State.DOWN


async def _undying(work: Callable[[], Awaitable[None]]) -> None:
    """A bug in a background task must neither end it for good nor pass in silence."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a background task failed; it goes on")
        await asyncio.sleep(1)
