"""The same client for programs without asyncio.

An AsyncClient runs on an event loop in a thread of its own: there is one way in which requests are sent, and it works
where a loop runs already, as in a notebook. Threads may share a client, and then share its connections.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from modelport.client.asynchronous import SECONDS, AsyncClient
from modelport.client.errors import InvalidCall
from modelport.client.formats.base import Request
from modelport.client.retries import Retries

R = TypeVar("R")


class Client:
    """Asks published models; `with` closes its connections and ends its thread."""

    def __init__(
        self, url: str = "", *, key: str | None = None, timeout: float = SECONDS, retries: Retries | None = None
    ) -> None:
        """Take what AsyncClient takes."""
        self._client = AsyncClient(url, key=key, timeout=timeout, retries=retries)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="modelport-client", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        """Say the address alone."""
        return repr(self._client).removeprefix("Async")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread; closing twice is fine."""
        if self._loop.is_closed():
            return
        self._wait(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def predict(self, model: str, request: Request[R]) -> R:
        """Ask a model by its name; raise ClientError."""
        return self._wait(self._client.predict(model, request))

    def predict_at(self, address: str, request: Request[R]) -> R:
        """Ask at a whole address, as the documents print it; raise ClientError."""
        return self._wait(self._client.predict_at(address, request))

    def _wait(self, work: Coroutine[Any, Any, R]) -> R:
        """Return the result of work on the loop; what interrupts the waiting, Ctrl-C, ends the work."""
        if self._loop.is_closed():
            work.close()
            raise InvalidCall("the client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
