"""One request: its head, and the body that may still be on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit


class LargeBody(Exception):
    """The body is larger than its reader takes; says how large it declares to be, None where it declares nothing."""

    def __init__(self, declared: int | None) -> None:
        super().__init__(declared)
        self.declared = declared


class BrokenBody(Exception):
    """The body does not end as the head says."""


class Request:
    """A request as it came. The connection feeds the body; one reader reads it, whole, or never."""

    __slots__ = (
        "_chunks", "_limit", "_on_read", "_waiter", "broken", "complete", "declared", "headers", "keep_alive", "method",
        "path", "query_string", "read_begun", "size", "version",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        *,
        version: str = "1.1",
        keep_alive: bool = False,
        on_read: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the head; `on_read` is called when a reader begins to wait for the body."""
        if not target.startswith("/"):  # the form that proxies are sent
            parts = urlsplit(target)
            target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        self.method = method
        self.path, _, self.query_string = target.partition("#")[0].partition("?")
        """The path as sent, still percent-encoded, and what follows its question mark."""
        self.headers = headers
        """By lower-case name; of several of one name the first."""
        self.version = version
        """Of HTTP: 1.1 or 1.0."""
        self.keep_alive = keep_alive
        """The client means to send another request on the same connection."""
        length = headers.get("content-length", "")
        self.declared = int(length) if length.isdigit() else None
        """Bytes of the body by its head."""
        self.size = 0
        """Bytes of the body that have come so far."""
        self.complete = False
        """All of it has come, or never will."""
        self.broken = False
        self.read_begun = False
        self._chunks: list[bytes] = []
        self._limit: int | None = None
        self._on_read = on_read
        self._waiter: asyncio.Future[None] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, percent-decoded; of several of one name the first."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query_string, keep_blank_values=True):
            found.setdefault(name, value)
        return found

    @property
    def has_body(self) -> bool:
        """There is a body that nobody has read."""
        return not self.read_begun and (self.size > 0 or not self.complete)

    @property
    def awaited(self) -> bool:
        """Somebody has waited for more of the body."""
        return self._waiter is not None

    @property
    def held(self) -> int:
        """Bytes that wait for a reader who has not come yet."""
        return 0 if self.read_begun else self.size

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raise LargeBody as soon as it is known to be larger than `limit`, else BrokenBody."""
        self.read_begun, self._limit = True, limit
        if self.declared is not None and self.declared > limit:
            self._discard()
            raise LargeBody(self.declared)
        if not self.complete and self.size <= limit:
            self._waiter = asyncio.get_running_loop().create_future()
            self._on_read()
            await self._waiter
        if self.size > limit:
            self._discard()
            raise LargeBody(None)
        if self.broken:
            raise BrokenBody
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self.size += len(chunk)
        if self._limit is None:
            self._chunks.append(chunk)
        elif self.size > self._limit:
            self._wake()
        elif self._limit:
            self._chunks.append(chunk)

    def finish(self, *, broken: bool = False) -> None:
        """Note that nothing more of the body comes; `broken` if something should."""
        self.complete, self.broken = True, broken
        self._wake()

    async def rest(self) -> None:
        """Wait for the end of a body that nobody wants, keeping none of it."""
        self._discard()
        if not self.complete:
            self._waiter = asyncio.get_running_loop().create_future()
            self._on_read()
            await self._waiter

    def _discard(self) -> None:
        self._chunks, self._limit, self.read_begun = [], 0, True

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done() and (self.complete or self._limit):
            self._waiter.set_result(None)
