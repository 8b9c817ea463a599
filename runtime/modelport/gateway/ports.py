"""The two ports: what answers at which address.

    8080  the models' APIs, /healthz, /readyz, /openapi.json
    9090  /metrics, /healthz, /readyz, /openapi.json, /livez/triton

Metrics tell how much each key is used, and /readyz beside them where flagged pictures are stored, so no Ingress leads
to their port. What that /readyz adds is what the operator tells in a status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any

import orjson

from modelport.gateway.answer import SERVER
from modelport.gateway.app import Gateway
from modelport.gateway.exposition import Exposition
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import JSON, Format, Model
from modelport.gateway.http import Handler, Request, Response
from modelport.gateway.liveness import find_ailment
from modelport.gateway.openapi import build_openapi

READING = ("GET", "HEAD")
TEXT = "text/plain; charset=utf-8"


def build_public_handler(gateway: Gateway) -> Handler:
    """Build what answers on the port that clients call."""
    document = Document(gateway)

    async def readyz(_: Request) -> Response:
        return _json(readiness(gateway), 200 if gateway.ready else 503)

    async def openapi(request: Request) -> Response:
        place = gateway.place(request)
        prefix = request.path.removesuffix(place.path)
        return _page(document.read(prefix, place.model), JSON)

    pages: Mapping[str, Handler] = {"/healthz": healthz, "/readyz": readyz, "/openapi.json": openapi}

    async def handle(request: Request) -> Response:
        # The last segment is looked at first: it costs nothing, and seldom is one of these.
        own = request.path[request.path.rfind("/") :]
        if own in pages and request.method in READING and gateway.place(request).path == own:
            return await pages[own](request)
        return await gateway.handle(request)

    return handle


def build_metrics_handler(gateway: Gateway, exposition: Exposition) -> Handler:
    """Build what answers on the port that Prometheus calls."""
    document = Document(gateway)

    async def metrics(request: Request) -> Response:
        return _page(*await exposition.answer(request.headers.get("accept")))

    async def livez_triton(_: Request) -> Response:
        ailment = find_ailment(gateway.models, monotonic())
        return _json({"alive": ailment is None, "reason": ailment or ""}, 200 if ailment is None else 503)

    async def readyz(_: Request) -> Response:
        return _json(detailed_readiness(gateway), 200 if gateway.ready else 503)

    async def openapi(_: Request) -> Response:
        return _page(document.read(), JSON)

    pages: Mapping[str, Handler] = {
        "/metrics": metrics,
        "/healthz": healthz,
        "/readyz": readyz,
        "/openapi.json": openapi,
        "/livez/triton": livez_triton,
    }

    async def handle(request: Request) -> Response:
        if request.path not in pages:
            return _page(f"expected one of {', '.join(pages)}\n".encode(), TEXT, 404)
        if request.method not in READING:
            return Response(405, {"Server": SERVER, "Allow": ", ".join(READING)})
        return await pages[request.path](request)

    return handle


async def healthz(_: Request) -> Response:
    """Answer that this process does."""
    return _page(b"ok\n", TEXT)


def readiness(gateway: Gateway) -> dict[str, Any]:
    """Whether each model answers, and why not."""
    models = {}
    for model in gateway.models:
        state = model.state
        models[model.name] = {"ready": model.ready, "state": state.state, "reason": state.reason}
    return {"ready": gateway.ready, "models": models}


def detailed_readiness(gateway: Gateway) -> dict[str, Any]:
    """Add each version, whether flagged pictures are stored and why not, and what of the configuration is refused."""
    state = readiness(gateway)
    for model in gateway.models:
        state["models"][model.name]["versions"] = {
            str(number): {"ready": version.ready, "state": version.told.state, "reason": version.told.reason}
            for number, version in sorted(model.versions.items())
        }
    for name, sink in gateway.evaluation.states().items():
        state["models"][name]["sink"] = sink
    return state | {"problems": list(gateway.config_problems)}


class Document:
    """The OpenAPI document of the models that are loaded now.

    It is made when it is asked for and they have changed: it takes tens of milliseconds, and anybody may ask.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._served: list[tuple[Model, list[Format]]] = []
        self._bodies: dict[tuple[str, str | None], bytes] = {}

    def read(self, prefix: str = "", model: str | None = None) -> bytes:
        """Return its JSON as it stands below a path: that of one model, or of all."""
        served = list(_served(self._gateway))
        if served != self._served:
            self._bodies.clear()
            self._served = served
        if (prefix, model) not in self._bodies:
            here = [each for each in served if model in (None, each[0].name)]
            self._bodies[prefix, model] = orjson.dumps(build_openapi(here, prefix or None))
        return self._bodies[prefix, model]


def _served(gateway: Gateway) -> Iterator[tuple[Model, list[Format]]]:
    """Yield each model as its newest known version is, in its formats."""
    for model in gateway.models:
        meta = next((known.meta for known in model.newest_first() if known.meta is not None), None)
        if meta is not None:
            yield model.view(meta), [FORMATS[name] for name in model.apis if name in FORMATS]


def _json(value: Any, status: int) -> Response:
    return _page(orjson.dumps(value), JSON, status)


def _page(body: bytes, content_type: str, status: int = 200) -> Response:
    return Response(status, {"Server": SERVER, "Content-Type": content_type}, body)
