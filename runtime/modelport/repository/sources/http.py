"""`http:` and `https:`: one file, by aiohttp on fsspec's event loop thread. Other sources read through `read_url` too.

A download is resumed by `Range` with `If-Range` (RFC 9110, sections 13.1.5 and 14), so that a server that no longer has
the same bytes sends all of the new ones instead of a wrong tail.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from aiohttp import hdrs
from fsspec.asyn import get_loop, sync
from yarl import URL

from modelport.repository.errors import Changed, FetchError, Unreachable
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.base import CHUNK, Listing, RemoteFile, Stream
from modelport.storage.credentials import redact, scrub, split_userinfo
from modelport.storage.errors import root_cause

T = TypeVar("T")

_COME_AGAIN = frozenset({408, 425, 429})
_EMPTY = 416
"""Range Not Satisfiable: what an empty file answers to any range."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> HttpSource:
    """Read `https://[user:password@]host/path`; credentials are TOKEN (bearer), or USERNAME and PASSWORD."""
    url, userinfo = split_userinfo(uri)
    if not urlsplit(url).hostname:
        raise FetchError(uri, "names no host")
    return HttpSource(url, authorization(userinfo or credentials), limits)


def authorization(credentials: Mapping[str, str]) -> dict[str, str]:
    """Build the header for TOKEN, or for USERNAME and PASSWORD; none without them."""
    if token := credentials.get("TOKEN"):
        return {hdrs.AUTHORIZATION: f"Bearer {token}"}
    if username := credentials.get("USERNAME"):
        pair = f"{username}:{credentials.get('PASSWORD', '')}"
        return {hdrs.AUTHORIZATION: f"Basic {b64encode(pair.encode()).decode()}"}
    return {}


class HttpSource:
    """One file behind a URL."""

    pinned = False

    def __init__(self, url: str, headers: Mapping[str, str], limits: FetchLimits) -> None:
        """Take the URL without user information and the headers that open it."""
        self._url = url
        self._headers = headers
        self._limits = limits

    def list(self) -> Listing:
        """Ask for the first byte, which says all there is to know; HEAD is refused by many signed URLs."""
        with _request(self._url, {**self._headers, hdrs.RANGE: "bytes=0-0"}, self._limits) as response:
            name = unquote(urlsplit(self._url).path).rpartition("/")[2] or "model"
            size = 0 if response.status == _EMPTY else _place(self._url, response, 0)[1]
            return Listing((RemoteFile(name, size, _tag(response), address=self._url),), folder=False)

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        """Read from `offset`; from the start where the server cannot do otherwise, or cannot say if it changed."""
        with read_url(self._url, offset if file.tag else 0, file.tag, self._headers, self._limits) as stream:
            yield stream


@contextmanager
def read_url(
    url: str, offset: int, validator: str | None, headers: Mapping[str, str], limits: FetchLimits
) -> Iterator[Stream]:
    """Read a URL from `offset` on; raise Changed where its validator is another. None: its content never changes."""
    sent = dict(headers)
    if offset:
        sent[hdrs.RANGE] = f"bytes={offset}-"
    if offset and validator:
        sent[hdrs.IF_RANGE] = validator
    with _request(url, sent, limits) as response:
        if validator not in (None, _tag(response)):
            raise Changed(url, "changed while it was read")
        begin, size = _place(url, response, offset)
        yield Stream(_chunks(url, response), begin, size)


@contextmanager
def _request(url: str, headers: Mapping[str, str], limits: FetchLimits) -> Iterator[aiohttp.ClientResponse]:
    with _session(limits) as session:
        response = _wait(url, session.get(_as_sent(url), headers=dict(headers), max_redirects=limits.redirects))
        try:
            _check_status(url, response)
            yield response
        finally:
            response.close()


@contextmanager
def _session(limits: FetchLimits) -> Iterator[aiohttp.ClientSession]:
    """A session that waits at most `stall_seconds` for anything and hands over bodies as they lie on the server."""

    async def start() -> aiohttp.ClientSession:
        stall = limits.stall_seconds
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=stall, sock_read=stall),
            headers={hdrs.ACCEPT_ENCODING: "identity", hdrs.USER_AGENT: "modelport"},
            auto_decompress=False,
            trust_env=True,
        )

    session = sync(get_loop(), start)
    try:
        yield session
    finally:
        sync(get_loop(), session.close)


def _wait(url: str, work: Coroutine[Any, Any, T]) -> T:
    """Wait for work on the event loop's thread, its errors worded."""

    async def run() -> T:
        return await work

    try:
        return sync(get_loop(), run)  # type: ignore[no-any-return]
    except aiohttp.TooManyRedirects as error:
        raise FetchError(url, f"redirects without end: {len(error.history)} times") from error
    except aiohttp.ClientSSLError as error:
        raise FetchError(url, f"cannot be spoken to by TLS: {root_cause(error)}") from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise FetchError(url, f"is or leads to an address that is no http URL: {redact(str(error))}") from error
    except TimeoutError as error:
        raise Unreachable(url, "stopped sending: no byte came within the time limit") from error
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(url, f"cannot be connected to: {root_cause(error.os_error)}") from error
    except aiohttp.ClientPayloadError as error:
        raise Unreachable(url, "broke off before the end") from error
    except aiohttp.ClientError as error:
        raise Unreachable(
            url, f"did not answer: {root_cause(error) or scrub(str(error), {}) or type(error).__name__}"
        ) from error


def _chunks(url: str, response: aiohttp.ClientResponse) -> Iterator[bytes]:
    while chunk := _wait(url, response.content.read(CHUNK)):
        yield chunk


def _check_status(url: str, response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in (200, 206, _EMPTY):
        return
    problem = f"answered {status} {response.reason or ''}".rstrip()
    raise (Unreachable if status >= 500 or status in _COME_AGAIN else FetchError)(url, problem)


def _place(url: str, response: aiohttp.ClientResponse, offset: int) -> tuple[int, int | None]:
    """Where in the file the body begins, and how long the whole file is."""
    if response.status == 200:
        return 0, response.content_length
    if response.status == _EMPTY:
        raise Changed(url, "became shorter while it was read")
    match = _CONTENT_RANGE.fullmatch(response.headers.get(hdrs.CONTENT_RANGE, ""))
    if match is None or int(match[1]) != offset:
        raise FetchError(url, f"answered another part of the file than the one from byte {offset} on")
    return offset, None if match[2] == "*" else int(match[2])


def _tag(response: aiohttp.ClientResponse) -> str | None:
    """The strongest validator that the server gives; a weak ETag does not promise the same bytes."""
    etag = response.headers.get(hdrs.ETAG, "")
    return etag if etag.startswith('"') else response.headers.get(hdrs.LAST_MODIFIED)


def _as_sent(url: str) -> URL:
    """Keep the URL's own escapes, which a signature covers; escape what may not stand in a URL."""
    return URL(quote(url, safe="%/:?#[]@!$&'()*+,;=~"), encoded=True)
