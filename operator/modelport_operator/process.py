"""One operator process, from its start to its end.

    find the API server ─► health server ─► Lease ─► kopf's watches, the controller ─► SIGTERM ─► release the Lease
                                              └──────── lost: the process ends at once

Only who holds the Lease watches and works. The Lease has a client of its own; the other one sends nothing while the
Lease is not surely ours (`connection.build_client`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from secrets import token_hex
from typing import Any

import kopf
from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry, ProcessCollector

from modelport.errors import ModelportError
from modelport_operator.api_server import ApiError, ApiServer
from modelport_operator.cluster import Cluster
from modelport_operator.config import Config
from modelport_operator.connection import build_client, find_api_server
from modelport_operator.controller import Controller
from modelport_operator.handlers import build_registry
from modelport_operator.health import Health, Phase
from modelport_operator.lease import Lease
from modelport_operator.metrics import Metrics
from modelport_operator.store import Store

log = logging.getLogger(__name__)

LEASE_LOST = 3
"""Exit status of a process that may not work any more."""
RETRY_SECONDS = 2.0
"""Between two tries to read the cluster at the start."""


class WatchesEnded(ModelportError):
    """kopf has given up; a new process may do better."""


async def operate(config: Config) -> None:
    """Work until SIGTERM or SIGINT, or end the process when the Lease is lost; raises ModelportError for all else."""
    stop = asyncio.Event()
    listen_for_signals(stop)
    connection = await find_api_server()
    metrics = Metrics(CollectorRegistry())
    ProcessCollector(registry=metrics.registry)
    metrics.leads(False)
    health = Health(metrics.registry)
    async with health.serve(config.health_port) as port:
        log.info("the operator has started", extra={"api_server": connection.host, "health_port": port})
        work = Work(config, connection, metrics, health, stop)
        await (work.when_elected() if config.leader_election else work.run(None))
    log.info("the operator has ended")


class Work:
    """What one process does, once it may."""

    def __init__(
        self, config: Config, connection: Configuration, metrics: Metrics, health: Health, stop: asyncio.Event
    ) -> None:
        self.config = config
        self.connection = connection
        self.metrics = metrics
        self.health = health
        self.stop = stop

    async def when_elected(self) -> None:
        """Wait for the Lease, work while it is ours, and give it up in the end."""
        async with build_client(self.connection) as client:
            cluster = Cluster(ApiServer(client, self.metrics), Store())
            identity = f"{socket.gethostname()}-{token_hex(4)}"
            lease = Lease(cluster, self.config.own_namespace, identity, self.config.lease_seconds)
            self.health.phase = Phase.WAITING
            await first_of(lease.acquire(), self.stop.wait())
            try:
                if lease.holds():
                    await self._while_held(lease)
            finally:
                await lease.release()

    async def _while_held(self, lease: Lease) -> None:
        work, keep = asyncio.create_task(self.run(lease.holds)), asyncio.create_task(lease.keep())
        await asyncio.wait({work, keep}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            log.error("the Lease is lost: this process ends, so that only one works", exc_info=keep.exception())
            sys.stderr.flush()
            os._exit(LEASE_LOST)  # an orderly end would take seconds, and another one works already
        keep.cancel()
        await asyncio.wait({keep})
        await work

    async def run(self, may_call: Callable[[], bool] | None) -> None:
        """Follow the cluster until told to stop; begin anew where it has come to have other kinds."""
        async with build_client(self.connection, may_call) as client:
            server = ApiServer(client, self.metrics)
            self.metrics.leads(True)
            while not self.stop.is_set():
                self.health.phase = Phase.STARTING
                controller = Controller(Cluster(server, Store()), self.config, self.metrics)
                await self._follow(controller)
            self.metrics.leads(False)

    async def _follow(self, controller: Controller) -> None:
        """Let one controller work, and kopf watch for it, until the process shall stop or there are other kinds."""
        ends = {asyncio.create_task(self.stop.wait()), asyncio.create_task(controller.outdated.wait())}
        try:
            await first_of(self._start(controller), self.stop.wait())
            if self.stop.is_set():
                return
            self.health.phase = Phase.WORKING
            await self._watch(controller, ends)
        finally:
            await controller.stop()
            for task in ends:
                task.cancel()

    async def _start(self, controller: Controller) -> None:
        """Read what stands in the cluster, as soon as that can be read, and begin to work."""
        told = ""
        while True:
            try:
                await controller.start()
            except ApiError as error:
                if (what := in_words(error)) != told:
                    log.warning("what stands in the cluster cannot be read yet: %s", what)
                told = what
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _watch(self, controller: Controller, ends: set[asyncio.Task[Any]]) -> None:
        ended = asyncio.Event()
        known = asyncio.all_tasks()  # kopf waits for every other one when it ends, and cancels it
        tasks = await kopf.spawn_tasks(
            registry=build_registry(controller, self.connection),
            namespaces=self.config.namespaces,
            clusterwide=not self.config.namespaces,
            standalone=True,
            stop_flag=ended,
        )
        listen_for_signals(self.stop)
        watches = asyncio.create_task(kopf.run_tasks(tasks, ignored=known))
        await asyncio.wait({watches, *ends}, return_when=asyncio.FIRST_COMPLETED)
        asked = not watches.done()
        if asked:
            self.health.phase = Phase.STOPPING
            await controller.stop()
            ended.set()
        try:
            await watches
        except Exception as error:
            if not await has_other_kinds(controller):
                raise WatchesEnded(f"kopf cannot watch the cluster any more: {error}") from error
        else:
            if not asked:
                raise WatchesEnded("kopf has stopped watching the cluster")


async def has_other_kinds(controller: Controller) -> bool:
    """Tell whether optional kinds have come or gone: the watch of one that has gone takes the others with it."""
    try:
        return await controller.cluster.optional_kinds() != controller.reconciler.optional
    except ApiError:
        return False


def in_words(error: ApiError) -> str:
    """Return what a refusal means for who has installed the operator."""
    if error.status == 404:
        return "the cluster does not know PublishedModel; apply crds/publishedmodels.yaml"
    return str(error)


def listen_for_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT end the process in order. kopf listens too when it starts; who comes last is heard."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def first_of(*coroutines: Coroutine[Any, Any, Any]) -> None:
    """Run coroutines side by side until the first one ends, then cancel the others; its error is raised."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
