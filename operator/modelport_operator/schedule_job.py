"""What a schedule's CronJobs run: `python -m modelport_operator.schedule_job --namespace NAMESPACE --name NAME`.

It asks the clock what is wanted now, and does that. At which line of the schedule it was started means nothing, so a
run that is late, doubled or out of order does no harm, and a missed one is made good by the next. The operator does the
same at the same moment; these Jobs keep the schedule while it is down.

    scale, plan ─► replicas_at(now) ─┬─► nothing to do: the end
         ▲                           └─► set it, unless the Deployment has changed meanwhile
         └───────────────────────────────┘

A run ends with a look that finds nothing to do. Without that last look, a run that was held up between its look and its
writing could undo, unseen, what a later one has found to be right.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic

from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry

from modelport import logs
from modelport.errors import ModelportError
from modelport_operator.api_server import APPLY, ApiError, ApiServer
from modelport_operator.connection import find_api_server
from modelport_operator.metrics import Metrics
from modelport_operator.names import SCALE_MANAGER, deployment_name, schedule_name
from modelport_operator.resources import CONFIG_MAP, DEPLOYMENT, Manifest
from modelport_operator.schedule_plan import PLAN_FILE, SchedulePlan
from modelport_operator.work_queue import delay

log = logging.getLogger("modelport.schedule_job")

PATIENCE_SECONDS = 180.0
"""How long an API server that is away or busy is asked again. The Job's own deadline (`desired/cron_jobs.py`) leaves
room for a slow start before, and for one last call after."""

Clock = Callable[[], datetime]


async def settle(server: ApiServer, namespace: str, name: str, clock: Clock) -> str:
    """Look, and set what is wanted now, until a look finds nothing to do; return what was done in a sentence.

    Raises:
        ApiError: the API server refused a call, or could not be reached. 409: the Deployment has changed since the
            look, and a new look is needed.
        InvalidManifest: the ConfigMap holds something else than a plan.
    """
    scale_path = DEPLOYMENT.path(namespace, deployment_name(name), "scale")
    plan_path = CONFIG_MAP.path(namespace, schedule_name(name))
    done: list[str] = []
    while True:
        # The scale comes first: whoever changes it from here on makes the writing below fail.
        scale = await server.call("GET", scale_path)
        config_map = await server.call("GET", plan_path)
        plan = SchedulePlan.parse_json(config_map.get("data", {}).get(PLAN_FILE, ""), where=schedule_name(name))
        current = scale["spec"].get("replicas", 0)
        wanted = plan.replicas_at(clock(), current)
        if wanted is None:
            return ", then ".join(done) or f"{name} is as its schedule wants, with replicas: {current}"
        query = {"fieldManager": SCALE_MANAGER, "force": "true"}
        await server.call("PATCH", scale_path, _with_replicas(scale, wanted), query, APPLY)
        done.append(f"{name} was scaled from {current} to {wanted}")


async def persist(
    server: ApiServer, namespace: str, name: str, clock: Clock, patience: float = PATIENCE_SECONDS
) -> str:
    """Do as `settle`, again and again for up to `patience` seconds while the API server is away, busy or changing.

    Of a resource that is gone there is nothing to keep: its CronJobs are on their way out too.
    """
    failures, deadline = 0, monotonic() + patience
    while True:
        try:
            return await settle(server, namespace, name, clock)
        except ApiError as error:
            if error.status == 404:
                return f"nothing to do: {error}"
            failures += 1
            wait = max(error.retry_after or 0.0, delay(failures))
            if error.refused or monotonic() + wait > deadline:
                raise
            log.warning("%s; the next try is in %.1f s", error, wait)
        await asyncio.sleep(wait)


def _with_replicas(scale: Manifest, replicas: int) -> Manifest:
    """Return the Scale that sets the number on the condition that the Deployment is still as it was read."""
    metadata = {name: scale["metadata"][name] for name in ("name", "namespace", "resourceVersion")}
    kind = {"apiVersion": scale["apiVersion"], "kind": scale["kind"]}
    return {**kind, "metadata": metadata, "spec": {"replicas": replicas}}


async def keep_schedule(namespace: str, name: str) -> str:
    """Keep the schedule of one resource now, with the credentials of this Pod."""
    async with ApiClient(await find_api_server()) as client:
        server = ApiServer(client, Metrics(CollectorRegistry()))
        return await persist(server, namespace, name, lambda: datetime.now(UTC))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("schedule_job", description="Scale a PublishedModel as its schedule wants now.")
    parser.add_argument("--namespace", required=True, help="namespace of the PublishedModel")
    parser.add_argument("--name", required=True, help="name of the PublishedModel")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 if all is as the schedule wants, else 1, with one line that says why."""
    parsed = parse_arguments(arguments)
    logs.configure()
    try:
        log.info("%s", asyncio.run(keep_schedule(parsed.namespace, parsed.name)))
    except ModelportError as error:
        log.error("the schedule of %s could not be kept: %s", parsed.name, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
