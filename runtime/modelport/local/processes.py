"""The two processes of `modelport serve`, from their start until they answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import aiohttp

from modelport.gateway.sockets import Pair, file_numbers, format_numbers
from modelport.local.errors import ServeError
from modelport.local.options import ServeOptions
from modelport.local.process import Command, Supervised, describe_exit
from modelport.local.state import State
from modelport.local.triton import Endpoints, TritonModels

LIVE_SECONDS: Final = 60.0
"""Triton without models answers within a second; after this it never will."""
READY_SECONDS: Final = 30.0
"""From a loaded model to the gateway that has seen it answer."""
DRAIN_SECONDS: Final = 30.0
"""What requests in flight are given when the server is told to stop."""
POLL_SECONDS: Final = 0.05


@contextlib.asynccontextmanager
async def running(process: Supervised) -> AsyncIterator[None]:
    """Keep a process running until the block is left, then stop it with grace."""
    task = asyncio.create_task(process.run())
    try:
        yield
    finally:
        await process.stop()
        await task


async def triton_live(process: Supervised, models: TritonModels) -> None:
    """Return when Triton answers; raise ServeError with what it last said if it ends before."""
    deadline = time.monotonic() + LIVE_SECONDS
    while not await models.live():
        if process.last_exit is not None:
            said = next((line for line in reversed(process.last_lines) if line), "it said nothing")
            raise ServeError(f"Triton {describe_exit(process.last_exit)} before it was up: {said}")
        if time.monotonic() > deadline:
            raise ServeError(f"Triton did not answer within {LIVE_SECONDS:g} s")
        await asyncio.sleep(POLL_SECONDS)


def build_gateway_command(options: ServeOptions, state: State, listening: Sequence[Pair], triton: Endpoints) -> Command:
    """Return the command that runs the gateway on sockets that we hold: clients wait while it is started again."""
    arguments = {
        "--config": state.serving,
        "--usage": state.usage,
        "--triton": triton.grpc,
        "--triton-http": triton.http,
        "--triton-metrics": triton.metrics,
        "--sockets": format_numbers(listening),
        "--workers": options.workers,
        "--drain-seconds": DRAIN_SECONDS,
        "--root-pid": os.getpid(),
        "--secrets": options.secrets,
        "--log-format": options.log_format,
        "--log-level": options.log_level,
    }
    given = [str(part) for pair in arguments.items() if pair[1] is not None for part in pair]
    given.append("--folder-sinks")
    if options.allow_loopback_images:
        given.append("--allow-loopback-images")
    # -P: a folder named like a package in the working folder must not take its place.
    argv = (sys.executable, "-P", "-m", "modelport.gateway", *given)
    return Command("the gateway", argv, os.environ, DRAIN_SECONDS + 5, sockets=file_numbers(listening))


async def gateway_ready(process: Supervised, readyz: str) -> None:
    """Return when every model answers through the gateway; raise ServeError with each that does not."""
    deadline = time.monotonic() + READY_SECONDS
    models: Mapping[str, Any] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while time.monotonic() < deadline:
            if process.last_exit is not None:
                raise ServeError(f"the gateway {describe_exit(process.last_exit)}; its own message is above")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                async with session.get(readyz) as answer:
                    if answer.status == 200:
                        return
                    models = (await answer.json(content_type=None))["models"]
            await asyncio.sleep(POLL_SECONDS)
    silent = [f"{name}: {model['reason'] or model['state']}" for name, model in models.items() if not model["ready"]]
    raise ServeError("\n".join(silent) or f"the gateway did not answer within {READY_SECONDS:g} s")
