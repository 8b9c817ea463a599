"""A tiny server that answers what a test tells it to, in a thread of its own, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Scripted:
    """Gives its answers in order, the last one for ever."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    silent: bool = False

    def give(self, value: Any, status: int = 200, **headers: str) -> None:
        """Add an answer; bytes go as they are, all else as JSON."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.answers.append(web.Response(body=body, status=status, headers=named))

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path_qs)
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        if self.silent:
            await asyncio.Event().wait()
        planned = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(body=planned.body, status=planned.status, headers=planned.headers)

    @property
    def sent(self) -> Any:
        """The last body's JSON."""
        return json.loads(self.bodies[-1])


@asynccontextmanager
async def _running(scripted: Scripted) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.answer)
    async with TestServer(app, shutdown_timeout=0) as server:
        scripted.url = str(server.make_url("")).rstrip("/")
        yield


@pytest.fixture
def server(run_in_a_thread: Callable[..., None]) -> Scripted:
    scripted = Scripted()
    run_in_a_thread(_running(scripted))
    return scripted
