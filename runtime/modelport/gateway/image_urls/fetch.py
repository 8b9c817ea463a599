"""Fetch a picture: a name is resolved once, its addresses are checked, and the connection goes to these and no others.

Each step is made by itself, so that a redirect is checked like the first URL, and no connection, cookie or name is
shared between callers or models. Proxies and credentials of the environment are not used.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from modelport.api.access import ImageUrls
from modelport.gateway.body import ENCODINGS, decompress
from modelport.gateway.errors import BadRequest, BodyTooLarge
from modelport.gateway.image_urls.addresses import why_not
from modelport.gateway.image_urls.urls import UrlRefused, follow, parse_url

SECONDS = 10.0
"""For all pictures of a request, redirects included; the request's own deadline may end it before."""
REDIRECTS = 5

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host's name and port → its addresses; OSError where there is none."""

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"Accept": "image/*, application/dicom", "Accept-Encoding": "identity", "User-Agent": "modelport"}
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)  # `SECONDS` bounds it all

_FAILURES: Mapping[type[Exception], str] = {
    aiohttp.ClientConnectorCertificateError: "its certificate is not valid for it",
    aiohttp.ClientSSLError: "no TLS connection can be made",
    aiohttp.ClientConnectorError: "cannot be connected to",
    aiohttp.ClientPayloadError: "its answer does not end as its headers say",
    aiohttp.ServerDisconnectedError: "it closed the connection before it answered",
    aiohttp.ClientError: "its answer is not HTTP as it should be",
    OSError: "the connection to it broke",
    ValueError: "its answer is not HTTP as it should be",
}
"""The first class that fits says what went wrong; the library's own text may hold the whole URL."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class ImageFetcher:
    """Fetches pictures as a model's spec allows it."""

    def __init__(self, *, loopback: bool = False, lookup: Lookup = look_up, seconds: float = SECONDS) -> None:
        """Take what tests need otherwise: loopback addresses, a resolver, patience."""
        self._loopback = loopback
        self._lookup = lookup
        self._seconds = seconds

    async def fetch(self, named: Sequence[tuple[str, str]], allowed: ImageUrls, limit: int) -> Mapping[str, bytes]:
        """Fetch the URLs of a request, given as (JSON path, URL), and return their bytes by path.

        `limit` bounds their bytes in all, before and after decompression. Raises BadRequest with path, host and reason.
        """
        fetched: dict[str, bytes] = {}
        path = ""
        try:
            async with asyncio.timeout(self._seconds):
                for path, text in named:
                    fetched[path] = await self._fetch(text, allowed, limit)
                    limit -= len(fetched[path])
        except UrlRefused as error:
            raise BadRequest(f"{path}: {error}") from error
        except TimeoutError as error:
            raise BadRequest(f"{path}: the picture did not come from its URL within {self._seconds:g} s") from error
        return fetched

    async def _fetch(self, text: str, allowed: ImageUrls, limit: int) -> bytes:
        url = parse_url(text, allowed.allow)
        for _ in range(1 + REDIRECTS):
            found = await self._ask(url, await self._resolve(url, allowed), limit)
            if isinstance(found, bytes):
                return found
            url = follow(url, found, allowed.allow)
        raise UrlRefused(f"{url.raw_host}: more than {REDIRECTS} redirects")

    async def _resolve(self, url: URL, allowed: ImageUrls) -> Sequence[str]:
        """Return the addresses of the URL's host. One that may not be asked forbids them all: it is no accident."""
        try:
            addresses = await self._lookup(url.raw_host or "", url.port or 0)
        except (OSError, UnicodeError) as error:
            raise UrlRefused(f"{url.raw_host}: the name has no address") from error
        opened = [ip_network(cidr) for cidr in allowed.allow_cidrs]
        for address in addresses:
            if reason := why_not(address, opened, loopback=self._loopback):
                raise UrlRefused(f"{url.raw_host}: the name leads to {reason}")
        return addresses

    async def _ask(self, url: URL, addresses: Sequence[str], limit: int) -> bytes | str:
        """Ask once: return the body, or where a redirect leads."""
        try:
            async with _session(addresses) as session, session.get(url, allow_redirects=False) as answer:
                if answer.status in _REDIRECTS:
                    return answer.headers.get("Location", "")
                if answer.status != 200:
                    raise UrlRefused(f"{url.raw_host}: expected status 200, got {answer.status}")
                return await _read(answer, limit)
        except tuple(_FAILURES) as error:
            reason = next(reason for kind, reason in _FAILURES.items() if isinstance(error, kind))
            raise UrlRefused(f"{url.raw_host}: {reason}") from error


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read the body, decompressed; raise UrlRefused above the limit."""
    too_large = UrlRefused(f"{answer.url.raw_host}: a picture of more than {limit} bytes (spec.limits.bodyBytes)")
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ENCODINGS:
        raise UrlRefused(f"{answer.url.raw_host}: its Content-Encoding is neither gzip nor deflate")
    if (answer.content_length or 0) > limit:
        raise too_large
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise too_large
    if encoding == "identity":
        return bytes(body)
    try:  # some servers send what they store compressed, whatever they are asked for
        return await asyncio.to_thread(decompress, bytes(body), encoding, limit)
    except BodyTooLarge as error:
        raise too_large from error
    except BadRequest as error:
        raise UrlRefused(f"{answer.url.raw_host}: its answer is not the {encoding} that it claims to be") from error


@asynccontextmanager
async def _session(addresses: Sequence[str]) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session of one connection, to one of these addresses, whatever host is asked for."""
    connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        timeout=_NO_TIMEOUT,
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield session


class _Pinned(AbstractResolver):
    """Answers with addresses that have been checked, and asks nobody."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""
