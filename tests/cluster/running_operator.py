"""An operator in a thread of the test's process, with a clock that the test sets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf
import pytest
from control_plane.cluster import Cluster as ControlPlane
from kubernetes.aio import config as aio_config
from kubernetes.aio.client import ApiClient, Configuration
from prometheus_client import CollectorRegistry

from modelport_operator.api_server import ApiServer
from modelport_operator.cluster import Cluster
from modelport_operator.config import Config
from modelport_operator.controller import Controller
from modelport_operator.handlers import build_registry
from modelport_operator.metrics import Metrics
from modelport_operator.readiness import Gateways, Readiness
from modelport_operator.resources import Manifest
from modelport_operator.store import Key, Store

START_SECONDS = 30.0
STOP_SECONDS = 20.0


@dataclass
class Clock:
    """The time of day, or what the test makes of it."""

    ahead: timedelta = timedelta()
    """How far it goes before the real one."""

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class RunningOperator:
    """An operator at work."""

    controller: Controller
    loop: asyncio.AbstractEventLoop
    clock: Clock = field(default_factory=Clock)

    def advance(self, key: Key, **time: float) -> None:
        """Let time pass, and wake one resource as its timer would."""
        self.clock.ahead += timedelta(**time)
        self.wake(key)

    def wake(self, key: Key) -> None:
        """Put a resource in line."""
        self.loop.call_soon_threadsafe(self.controller.queue.add, key)

    def resync(self) -> None:
        """List everything and look at every resource again, at Secrets too; wait for the list, not for the looks."""
        self.controller.cluster.secret_seconds = 0.0
        asyncio.run_coroutine_threadsafe(self.controller.resync(), self.loop).result(START_SECONDS)

    def reconcile(self, key: Key) -> float | None:
        """Look at a resource now, beside a queue that is empty; return when it wants to be looked at again."""
        return asyncio.run_coroutine_threadsafe(self.controller.reconciler.reconcile(key), self.loop).result(
            START_SECONDS
        )


async def nobody(pod: Manifest, model: str) -> Readiness | None:
    """Answer for the gateways of Pods that are pretended: their addresses may be somebody else's."""
    return None


async def until_closed() -> None:
    """Wait until no connection is left: aiohttp closes them in the background, which takes a busy machine its time."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    deadline = time.monotonic() + STOP_SECONDS / 2
    # The loop's own pipe stays.
    while len(selector.get_map()) > 1 and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.02)


def operator_config(*namespaces: str, **options: Any) -> Config:
    """Return the configuration of an operator for some namespaces."""
    images = {"runtime_image": "example.com/modelport:1", "triton_image": "example.com/triton:1"}
    return Config(**{**images, "namespaces": namespaces, "shared_host": "models.example.com", **options})


@contextmanager
def run_operator(cluster: ControlPlane, config: Config) -> Iterator[RunningOperator]:
    """Run an operator with a login of its own, by which its writes are counted; end it afterwards as SIGTERM would."""
    kubeconfig = str(cluster.folder / "operator.kubeconfig")
    stop, ready = threading.Event(), threading.Event()
    started: list[RunningOperator] = []
    failures: list[BaseException] = []

    async def work() -> None:
        configuration = Configuration()
        await aio_config.load_kube_config(kubeconfig, client_configuration=configuration)
        async with ApiClient(configuration) as client:
            metrics = Metrics(CollectorRegistry())
            controller = Controller(Cluster(ApiServer(client, metrics), Store()), config, metrics)
            running = RunningOperator(controller, asyncio.get_running_loop())
            controller.reconciler.clock = running.clock
            controller.reconciler.gateways = Gateways(nobody)
            started.append(running)
            await kopf.operator(
                registry=build_registry(controller),
                namespaces=config.namespaces,
                clusterwide=not config.namespaces,
                standalone=True,
                stop_flag=stop,
                ready_flag=ready,
            )
        await until_closed()

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="operator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", kubeconfig)  # where kopf looks
        thread.start()
        try:
            if not ready.wait(START_SECONDS) or failures:
                raise RuntimeError("the operator did not start") from (failures[0] if failures else None)
            yield started[0]
            # After the end is asked for, kopf may fail: where it is still about to find out what there is to watch.
            if failures:
                raise RuntimeError("the operator ended by itself") from failures[0]
        finally:
            stop.set()
            thread.join(STOP_SECONDS)
    if thread.is_alive():
        raise RuntimeError("the operator did not end")
