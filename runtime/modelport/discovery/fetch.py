"""Ask a server for its document, once."""

from __future__ import annotations

import json
import os
from typing import Any

import aiohttp
from yarl import URL

from modelport.discovery.document import parse_operations
from modelport.discovery.errors import DiscoveryError, NoDocument
from modelport.discovery.operations import Operation

PATH = "/openapi.json"
MOST_BYTES = 64 << 20
"""Of a document; one of a thousand models has some ten megabytes."""


async def fetch_operations(base: str, timeout: float = 30.0) -> tuple[Operation, ...]:  # noqa: ASYNC109 aiohttp's
    """Return the ways to call the models of the gateway at `base`. No key is needed, and none is sent.

    Args:
        base: the server's URL, with the path below which it answers if it has one.
        timeout: seconds for all of it.

    Raises:
        NoDocument: the server describes itself in another way or not at all.
        DiscoveryError: `base` is no URL, or nobody answers there.
    """
    url = _parse_base(base)
    status, body = await _get(url.with_path(url.raw_path.rstrip("/") + PATH, encoded=True), timeout)
    shown = f"{url.with_user(None)}".rstrip("/") + PATH
    if status != 200:
        raise NoDocument(f"{shown} answered {status}; is {base} a modelport server?")
    try:
        return parse_operations(_loads(body), str(url))
    except NoDocument as error:
        raise NoDocument(f"{shown} is not the document of a modelport server: {error}") from error


def _parse_base(base: str) -> URL:
    try:
        url = URL(base)
        (url.host or "").encode("idna")  # what resolving it will do
    except ValueError as error:  # a UnicodeError is one
        raise DiscoveryError(f"{base!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise DiscoveryError(f"{base!r} is not an http:// or https:// URL with a host")
    return url.with_query(None).with_fragment(None)


async def _get(url: URL, seconds: float) -> tuple[int, bytes]:
    body = bytearray()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise NoDocument(f"{url.with_user(None)} is larger than {MOST_BYTES} bytes")
            return response.status, bytes(body)
    except TimeoutError as error:
        raise DiscoveryError(f"{url.with_user(None)} does not answer within {seconds:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise DiscoveryError(f"{url.with_user(None)} does not answer: {_words(error)}") from error


def _loads(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoDocument("it is not JSON") from error


def _words(error: Exception) -> str:
    """Say what the operating system said; aiohttp's own text repeats the address."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
