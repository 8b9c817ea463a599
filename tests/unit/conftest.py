"""For every unit test that needs a server beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import Any

import pytest


@contextmanager
def entered_in_a_thread(context: AbstractAsyncContextManager[Any]) -> Iterator[None]:
    """Enter an asynchronous context on a loop of its own, and keep it entered."""
    started, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def live() -> None:
        async with context:
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    assert started.wait(10)
    yield
    loop.call_soon_threadsafe(ended.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def run_in_a_thread() -> Iterator[Callable[[AbstractAsyncContextManager[Any]], None]]:
    """Keep servers running in threads until the test ends, for code that runs a loop of its own."""
    with ExitStack() as stack:
        yield lambda context: stack.enter_context(entered_in_a_thread(context))
