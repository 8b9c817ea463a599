"""Predictions by asyncio: one request of any format, sent over one pool of connections.

Request.encode → send → refused and worth it? pause and send again → Request.decode
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from yarl import URL

from modelport.client.errors import BadAnswer, InvalidCall, Refused, TimedOut, Unreachable, Words, parse_words
from modelport.client.formats.base import Answer, Body, Request
from modelport.client.retries import Retries, parse_retry_after

R = TypeVar("R")

SECONDS = 60.0
"""Until an answer must have come, unless the caller says otherwise."""

_KEY = re.compile(r"[\x21-\x7e]+")


class AsyncClient:
    """Asks published models; `async with` closes its connections.

    The key goes to the addresses that are asked and nowhere else: redirects are errors, and neither proxies nor
    .netrc of the environment are used.
    """

    def __init__(
        self, url: str = "", *, key: str | None = None, timeout: float = SECONDS, retries: Retries | None = None
    ) -> None:
        """Take the server's address; raise InvalidCall where it, or the key, cannot be meant so.

        Args:
            url: below which models answer, `https://models.example.com`; `predict_at` needs none.
            key: sent as `Authorization: Bearer KEY`.
            timeout: seconds for each attempt, connecting included.
            retries: what is done when the server is busy.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidCall("the key holds a character that no header can carry; expected printable ASCII")
        self._base = str(parse_base(url)).rstrip("/") if url else ""
        self._key = key
        self._timeout = timeout
        self._retries = retries or Retries()
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        """Say the address alone; a key is nobody's to see."""
        return f"{type(self).__name__}({self._base!r})"

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def predict(self, model: str, request: Request[R]) -> R:
        """Ask a model by its name; raise ClientError."""
        if not self._base:
            raise InvalidCall("the client was made without the server's address; give url=, or use predict_at")
        return await self.predict_at(self._base + request.address(model), request)

    async def predict_at(self, address: str, request: Request[R]) -> R:
        """Ask at a whole address, as the documents print it; raise ClientError."""
        url = parse_url(address)
        body = await asyncio.to_thread(request.encode)
        answer = await self._ask(url, body)
        try:
            return await asyncio.to_thread(request.decode, answer)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BadAnswer(f"what {shown(url)} answered is not in the format {request.api}") from error

    async def _ask(self, url: URL, body: Body) -> Answer:
        attempt = 1
        while True:
            try:
                return await self._send(url, body)
            except Refused as refused:
                pause = self._retries.pause(attempt, refused.status, refused.retry_after)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _send(self, url: URL, body: Body) -> Answer:
        """Send once; raise Refused, TimedOut or Unreachable."""
        headers = dict(body.headers) | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        try:
            async with self._opened().post(url, data=body.data, headers=headers, allow_redirects=False) as response:
                data = await response.read()
        except TimeoutError as error:
            raise TimedOut(f"{shown(url)} did not answer within {self._timeout:g} seconds") from error
        except aiohttp.ClientResponseError as error:  # it holds the request's headers, so it is not chained
            raise Unreachable(f"{shown(url)} does not speak HTTP: {error.message}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{shown(url)} does not answer: {error or type(error).__name__}") from error
        if response.status == 200:
            return Answer(data, response.headers)
        raise self._refused(response, data)

    def _refused(self, response: aiohttp.ClientResponse, data: bytes) -> Refused:
        words = parse_words(data) if data else Words(response.reason or "without a word")
        if self._key:  # a proxy's page may hold the request
            words = Words(words.message.replace(self._key, "…"), words.code.replace(self._key, "…"))
        return Refused(
            response.status,
            words,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
            request_id=response.headers.get("X-Request-Id", ""),
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"User-Agent": "modelport-client"},
            )
        return self._session


def parse_base(text: str) -> URL:
    """Read the address below which models answer; raise InvalidCall."""
    url = parse_url(text)
    if url.raw_query_string:
        raise InvalidCall(f"the server's address {shown(url)} has a query; use predict_at for a whole address")
    return url


def parse_url(text: str) -> URL:
    """Read an absolute http or https address; raise InvalidCall, which never says it whole."""
    try:
        url = URL(text, encoded=True)
        host, user = url.host, url.user
    except ValueError as error:
        raise InvalidCall("the server's address is not a URL") from error
    if user is not None:
        raise InvalidCall(f"the address {shown(url)} holds a user or password; give the key as key=")
    if url.scheme not in ("http", "https") or not host:
        raise InvalidCall(f"{shown(url)!r} is not an http:// or https:// address with a host")
    return url.with_fragment(None)


def shown(url: URL) -> str:
    """Return an address as it may be printed: its user, password and query can hold secrets."""
    return str((url.with_user(None) if url.absolute else url).with_query(None))
