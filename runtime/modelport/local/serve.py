"""`modelport serve`: from manifests to answers on one machine, and an orderly end.

manifests ─► keys ─► Triton installed, models prepared ─► Triton runs, models loaded ─► gateway runs ─► edits applied
SIGTERM or SIGINT ─► the gateway drains ─► Triton ends; a second signal ends both at once
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from modelport import logs
from modelport.api import PublishedModel, model_name
from modelport.gateway.liveness import SLOW_SECONDS
from modelport.gateway.sockets import close_pairs
from modelport.local.display import Display, open_display
from modelport.local.editing import follow_edits
from modelport.local.errors import UsageError
from modelport.local.healing import Healer
from modelport.local.keybook import KeyBook
from modelport.local.manifests import Catalogue, Manifest
from modelport.local.options import ServeOptions, listen, parse_address, refuse_unreachable
from modelport.local.process import Supervised
from modelport.local.processes import build_gateway_command, gateway_ready, running, triton_live
from modelport.local.publisher import Publisher
from modelport.local.schedules import follow_schedules
from modelport.local.sinks import refuse_unusable_sinks
from modelport.local.state import State, opened_state
from modelport.local.summary import format_curls, format_summary
from modelport.local.support import notes
from modelport.local.threads import in_thread
from modelport.local.triton import (
    Endpoints,
    TritonModels,
    build_command,
    forward_log_line,
    held_ports,
    remove_shared_memory,
)
from modelport.local.triton_install import install_triton

log = logging.getLogger(__name__)

INTERRUPTED = 130
"""Exit code of a server that was told to stop before it served."""


@dataclass(slots=True)
class Signals:
    """SIGTERM and SIGINT: the first asks for the end, the second kills."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    processes: list[Supervised] = field(default_factory=list)

    def listen(self) -> None:
        """Take both signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._take)

    def _take(self) -> None:
        if self.stop.is_set():
            for process in self.processes:
                process.kill()
        self.stop.set()


async def serve(options: ServeOptions) -> int:
    """Serve until told to stop; return the exit code. Raises ServeError if it cannot be begun."""
    logs.configure(options.log_format, options.log_level)
    signals = Signals()
    signals.listen()
    async with AsyncExitStack() as stack:
        server = asyncio.create_task(_start(options, stack, signals))
        if not await _unless(signals.stop, server):
            return INTERRUPTED
        endless = server.result()
        tasks = [asyncio.create_task(each) for each in endless]
        stopped = asyncio.create_task(signals.stop.wait())
        await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping: requests in flight are finished; a second signal ends them")
        for task in (*tasks, stopped):
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
    return 0


async def _start(options: ServeOptions, stack: AsyncExitStack, signals: Signals) -> Sequence[Coroutine[Any, Any, None]]:
    """Bring everything up, each thing with its end on the stack; return what goes on from then until the end."""
    if options.triton is None and options.triton_http is not None:
        raise UsageError("--triton-http: name the gRPC address of the same Triton too, by --triton")
    catalogue = Catalogue(options.paths, own_triton=options.triton is None)
    manifests = catalogue.load()
    resources = [manifest.resource for manifest in manifests]
    listening = listen(options)
    stack.callback(close_pairs, listening)
    state = stack.enter_context(opened_state(options.state))
    display = open_display()
    keybook = KeyBook(state, options.keys, options.secrets)
    keybook.apply(resources)
    keybook.warn(resources)
    refuse_unusable_sinks(resources, options.secrets)
    _say_notes(display, resources, own_triton=options.triton is None)

    triton: Supervised | None = None
    with display:
        if options.triton is None:
            triton, publisher, endpoints = await _start_triton(options, state, display, manifests, stack, signals)
        else:
            endpoints = await _find_triton(options.triton, options.triton_http)
            publisher = Publisher(state, None, options.secrets, display)
            await publisher.publish_all(manifests, {})
        gateway = Supervised(build_gateway_command(options, state, listening, endpoints))
        signals.processes.append(gateway)
        await stack.enter_async_context(running(gateway))
        stack.callback(close_pairs, listening)  # at the end, so that nobody waits for a gateway that drains
        ports = listening[0].ports
        base, readyz = options.address(ports[0]), f"{options.address(ports[1])}/readyz"
        await gateway_ready(gateway, readyz)
    keys = [keybook.first_of(resource) for resource in resources]
    lines = await format_curls(base, list(zip(map(model_name, resources), keys, strict=True)), state.root / "examples")
    shown = list(zip(resources, keys, lines, strict=True))
    display.say(format_summary(base, options.address(ports[1]), shown, options.keys or state.keys))

    endless = [follow_edits(options, catalogue, publisher, keybook)]
    if triton is not None and publisher.triton is not None:
        endless.append(follow_schedules(publisher.follow_schedules))
        endless.append(Healer(triton, publisher.triton, readyz, partial(_silence_limits, publisher)).run())
    return endless


async def _find_triton(grpc: str, http: str | None) -> Endpoints:
    """Return where a Triton is that runs already; raise ServeError where nobody listens."""
    given = {"--triton": grpc, "--triton-http": http}
    addresses = {option: parse_address(text, option) for option, text in given.items() if text is not None}
    for option, address in addresses.items():
        await in_thread(partial(refuse_unreachable, address, option))
    return Endpoints(grpc, http)


async def _start_triton(
    options: ServeOptions,
    state: State,
    display: Display,
    manifests: Sequence[Manifest],
    stack: AsyncExitStack,
    signals: Signals,
) -> tuple[Supervised, Publisher, Endpoints]:
    """Install, prepare, run and load; return the process, the publisher and Triton's addresses."""
    ports = stack.enter_context(held_ports())
    models = await stack.enter_async_context(TritonModels(ports.http))
    publisher = Publisher(state, models, options.secrets, display)
    display.say(f"preparing {', '.join(manifest.name for manifest in manifests)}")
    installation, prepared = await asyncio.gather(
        in_thread(partial(install_triton, display.say)), publisher.prepare_all(manifests)
    )

    async def load_again() -> None:
        await models.wait_live()
        await publisher.load_again()

    triton = Supervised(
        build_command(installation, state.repository, ports),
        on_line=forward_log_line,
        on_start=load_again,
        on_exit=remove_shared_memory,
    )
    signals.processes.append(triton)
    await stack.enter_async_context(running(triton))
    await triton_live(triton, models)
    display.say("loading them into Triton")
    await publisher.publish_all(manifests, prepared)
    return triton, publisher, ports.endpoints


def _say_notes(display: Display, resources: Sequence[PublishedModel], *, own_triton: bool) -> None:
    for resource in resources:
        for note in notes(resource, own_triton=own_triton):
            display.say(f"note: {resource.metadata.name}: {note}")


def _silence_limits(publisher: Publisher) -> dict[str, float]:
    return {
        name: manifest.resource.spec.limits.timeout_seconds + SLOW_SECONDS
        for name, manifest in publisher.served.items()
    }


async def _unless(stop: asyncio.Event, work: asyncio.Task[Any]) -> bool:
    """Wait for the work; return False, with the work cancelled, if it shall stop before."""
    stopped: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if work.done():
        work.result()
        return True
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    return False
