"""All of kopf: its watches fill the store and wake the queue; everything else is plain asyncio.

Only `on.event`, `on.startup` and `on.cleanup` are used. kopf's other handlers put a finalizer or annotations of their
own on the resource, and a finalizer would make a deletion wait for an operator that may be gone.
"""

from __future__ import annotations

import logging
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from modelport_operator.api_server import ApiError
from modelport_operator.connection import find_api_server, kopf_login
from modelport_operator.controller import Controller
from modelport_operator.names import OURS
from modelport_operator.resources import PUBLISHED_MODEL, WATCHED, Kind


def build_registry(controller: Controller, connection: Configuration | None = None) -> kopf.OperatorRegistry:
    """Return kopf's handlers around one controller; without a connection they look for one themselves."""
    registry = kopf.OperatorRegistry()

    def follow(kind: Kind) -> None:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(_follower(controller, kind))

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await kopf_login(connection or await find_api_server())

    @kopf.on.startup(registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)
        try:
            await controller.start()
        except ApiError as error:
            raise kopf.TemporaryError(str(error), delay=2) from error
        # kopf complains of kinds that the cluster does not have; the controller sees when one comes.
        for kind in controller.reconciler.optional:
            follow(kind)

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: Any) -> None:
        await controller.stop()

    for kind in (PUBLISHED_MODEL, *WATCHED):
        if not kind.optional:
            follow(kind)
    return registry


def configure(settings: kopf.OperatorSettings) -> None:
    """Set what differs from kopf's defaults, and why."""
    # Events are ours to word; kopf would make one of each log line.
    settings.posting.enabled = False
    # One line for each event that a handler has seen tells nobody anything.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    # What ends a watch ends kopf and is raised: one line by who runs it, not a traceback for each task in between.
    for part in ("orchestration", "running"):
        logging.getLogger(f"kopf._core.reactor.{part}").setLevel(logging.CRITICAL)
    # Namespaces and definitions are not ours to list: the first are told, the second the controller looks at.
    settings.scanning.disabled = True
    # A Lease of our own decides who works; peering would pause equals.
    settings.peering.standalone = True
    # A dead connection is noticed by the missing bookmarks; the server ends a watch after minutes anyway.
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.queueing.idle_timeout = 1.0
    # What kopf remembers of an object's last state is for handlers that we have not, and costs copies of every object.
    settings.persistence.diffbase_storage = _Forgetful()
    for kind in WATCHED:
        # The server sends our children only, whatever else lives in the cluster.
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = OURS


class _Forgetful(kopf.DiffBaseStorage):
    """Remembers no object's last state."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: kopf.Body) -> None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: Any) -> None:
        return None


def _follower(controller: Controller, kind: Kind) -> Any:
    async def follow(event: Any, **_: Any) -> None:
        controller.seen(kind, event["type"], event["object"])

    follow.__name__ = f"follow_{kind.plural}"
    return follow
