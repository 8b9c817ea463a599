"""What is asked of the gateway itself: health, metrics and the description of its API.

`/healthz`, `/readyz` and `/openapi.json` are on both ports; `/metrics` is on the metrics port alone, since it tells how
much each key is used.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from modelport.gateway.app import Gateway
from modelport.gateway.exposition import Exposition
from modelport.gateway.formats import FORMATS
from modelport.gateway.openapi import build_openapi


def add_public_routes(app: web.Application, gateway: Gateway) -> None:
    """Health and description."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return _json(readiness(gateway), status=200 if gateway.ready else 503)

    async def openapi(_: web.Request) -> web.Response:
        return _json(describe(gateway))

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/openapi.json", openapi)


def add_metrics_route(app: web.Application, exposition: Exposition) -> None:
    """Metrics, in the format that the scraper asks for."""

    async def metrics(request: web.Request) -> web.Response:
        body, content_type = await exposition.answer(request.headers.get("Accept"))
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_get("/metrics", metrics)


def readiness(gateway: Gateway) -> dict[str, Any]:
    """Whether each model answers, and why not."""
    models = {}
    for model in gateway.models:
        state = model.state
        models[model.name] = {"ready": model.ready, "state": state.state, "reason": state.reason}
    return {"ready": gateway.ready, "models": models}


def describe(gateway: Gateway) -> dict[str, Any]:
    """The OpenAPI document of the models that are loaded now."""
    served = []
    for model in gateway.models:
        meta = next((known.meta for known in model.newest_first() if known.meta is not None), None)
        if meta is not None:
            served.append((model.view(meta), [FORMATS[name] for name in model.apis if name in FORMATS]))
    return build_openapi(served)


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
