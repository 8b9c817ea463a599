"""The two ports: what answers at which address.

    8080  the models' APIs, /healthz, /readyz, /openapi.json
    9090  /metrics, /healthz, /readyz, /openapi.json, /livez/triton

Metrics tell how much each key is used, and /readyz beside them where flagged pictures are stored, so no Ingress leads
to their port. What that /readyz adds is what the operator tells in a status.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import orjson
from aiohttp import web

from modelport.gateway.answer import SERVER
from modelport.gateway.app import Gateway
from modelport.gateway.exposition import Exposition
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import JSON, Format, Model
from modelport.gateway.http import Handler, Request, Response
from modelport.gateway.liveness import find_ailment
from modelport.gateway.openapi import build_openapi


def build_public_handler(gateway: Gateway) -> Handler:
    """Build what answers on the port that clients call."""
    document = Document(gateway)

    def healthz(_: Request) -> Response:
        return Response(200, {"Server": SERVER, "Content-Type": "text/plain; charset=utf-8"}, b"ok\n")

    def readyz(_: Request) -> Response:
        headers = {"Server": SERVER, "Content-Type": JSON}
        return Response(200 if gateway.ready else 503, headers, orjson.dumps(readiness(gateway)))

    def openapi(request: Request) -> Response:
        place = gateway.place(request)
        prefix = request.path.removesuffix(place.path)
        return Response(200, {"Server": SERVER, "Content-Type": JSON}, document.read(prefix, place.model))

    fixed = {"/healthz": healthz, "/readyz": readyz, "/openapi.json": openapi}

    async def handle(request: Request) -> Response:
        # The last segment is looked at first: it costs nothing, and seldom is one of these.
        own = request.path[request.path.rfind("/") :]
        if own in fixed and request.method in ("GET", "HEAD") and gateway.place(request).path == own:
            return fixed[own](request)
        return await gateway.handle(request)

    return handle


def build_metrics_app(gateway: Gateway, exposition: Exposition) -> web.Application:
    """Build the port that Prometheus calls."""

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = await exposition.answer(request.headers.get("Accept"))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def livez_triton(_: web.Request) -> web.Response:
        ailment = find_ailment(gateway.models, monotonic())
        return _json({"alive": ailment is None, "reason": ailment or ""}, status=200 if ailment is None else 503)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return _json(detailed_readiness(gateway), status=200 if gateway.ready else 503)

    document = Document(gateway)

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=document.read(), content_type=JSON)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/openapi.json", openapi)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/livez/triton", livez_triton)
    return app


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


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type=JSON)
