"""For every suite: on CI a skipped test is a failure, since there everything that a test needs must be there."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from modelport.gateway.http import Handler, listening


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", ())) if reporter else 0
    if skipped and os.environ.get("CI") == "true":
        reporter.write_line(f"{skipped} tests were skipped, and CI=true allows none", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
async def listen() -> AsyncIterator[Callable[..., Awaitable[aiohttp.ClientSession]]]:
    """Serve a handler as the public port does, and return a client of it."""
    async with AsyncExitStack() as stack:

        async def listen(handler: Handler, **options: Any) -> aiohttp.ClientSession:
            bound = socket.create_server(("127.0.0.1", 0))
            await stack.enter_async_context(listening(handler, bound, backlog=16, drain_seconds=1.0, **options))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            return await stack.enter_async_context(aiohttp.ClientSession(url))

        yield listen
