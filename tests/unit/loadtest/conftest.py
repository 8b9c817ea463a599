"""A tiny server with known answers, in the test's own loop or in a thread of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

V1_METADATA = {
    "model_spec": {"name": "half", "signature_name": "", "version": "1"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {
                    "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}, "name": "x"}},
                    "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}, "name": "y"}},
                    "method_name": "tensorflow/serving/predict",
                }
            }
        }
    },
}
V2_METADATA = {"name": "half", "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}], "outputs": []}
PICTURE = {"image_type": "base64", "data": "AAAA"}
DOCUMENT = {
    "paths": {
        path: {
            "post": {
                "tags": [model],
                "x-modelport-api": api,
                "requestBody": {"content": {"application/json": {"example": example}}},
                **({"x-modelport-file": {"pointer": "/data", "mediaType": "image/png"}} if api == "nexus" else {}),
            }
        }
        for path, model, api, example in (
            ("/v1/models/half:predict", "half", "tensorflow-serving", {"instances": [0]}),
            ("/half/predict", "half", "nexus", PICTURE),
            ("/cups/predict", "cups", "nexus", PICTURE),
        )
    }
}
"""As a gateway describes itself."""


@dataclass
class Scripted:
    """What the server saw, and how it answers."""

    base: str = ""
    seen: Counter[str] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    key: str | None = None
    document: object = None
    """At /openapi.json; 404 where there is none, as with other model servers."""

    def become_a_gateway(self) -> None:
        """Describe itself from now on."""
        self.document = DOCUMENT

    def app(self) -> web.Application:
        """Give the answers that the tests know."""
        app = web.Application(middlewares=[self._remember])
        app.router.add_route("*", "/ok", self._ok)
        app.router.add_route("*", "/every-third-fails", self._every_third_fails)
        app.router.add_route("*", "/never", self._never)
        app.router.add_route("*", "/moved", self._moved)
        app.router.add_route("*", "/reset", self._reset)
        app.router.add_get("/v1/models/half/metadata", self._v1)
        app.router.add_post("/v1/models/half:predict", self._ok)
        app.router.add_get("/v2/models/half", self._v2)
        app.router.add_post("/v2/models/half/infer", self._ok)
        app.router.add_get("/v2/models/page", self._page)
        app.router.add_get("/openapi.json", self._openapi)
        app.router.add_post("/cups/predict", self._ok)
        return app

    @web.middleware
    async def _remember(self, request: web.Request, handler) -> web.StreamResponse:
        self.seen[request.path] += 1
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        if (
            request.path != "/openapi.json"
            and self.key
            and request.headers.get("Authorization") != f"Bearer {self.key}"
        ):
            return web.json_response({"error": "no key, or a wrong one"}, status=401)
        return await handler(request)

    async def _ok(self, request: web.Request) -> web.Response:
        return web.Response(body=b"12345")

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>")

    async def _every_third_fails(self, request: web.Request) -> web.Response:
        if self.seen[request.path] % 3 == 0:
            return web.json_response({"error": "queue full"}, status=503)
        return web.Response(body=b"12345")

    async def _never(self, request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def _moved(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/ok")

    async def _reset(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _openapi(self, request: web.Request) -> web.Response:
        return web.json_response(self.document) if self.document else web.Response(status=404)

    async def _v1(self, request: web.Request) -> web.Response:
        return web.json_response(V1_METADATA)

    async def _v2(self, request: web.Request) -> web.Response:
        return web.json_response(V2_METADATA)


@asynccontextmanager
async def _running(scripted: Scripted) -> AsyncIterator[Scripted]:
    async with TestServer(scripted.app(), shutdown_timeout=0) as server:
        scripted.base = str(server.make_url("")).rstrip("/")
        yield scripted


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """The server in the test's loop."""
    async with _running(Scripted()) as scripted:
        yield scripted


@pytest.fixture
async def gateway(server: Scripted) -> Scripted:
    """The server, as a gateway that describes itself."""
    server.become_a_gateway()
    return server


@pytest.fixture
def threaded_server(run_in_a_thread: Callable[..., None]) -> Scripted:
    """The server in a thread, for code that runs a loop of its own."""
    scripted = Scripted()
    run_in_a_thread(_running(scripted))
    return scripted


@pytest.fixture
async def closed_base() -> str:
    """An address on which nothing listens."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"
