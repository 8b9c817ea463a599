"""Which URLs may be fetched: a caller's text → a URL whose scheme, host and port the model's spec allows.

The URL that is checked is the very object that is asked, so no second parser can read another host out of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from yarl import URL

from modelport.gateway.codecs.words import clip, quote

LONGEST = 8192
"""Characters of a URL; signed ones of object stores have up to some thousand."""
SCHEMES = ("http", "https")
PORTS = (80, 443)
"""Where the spec names a host without a port."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class UrlRefused(Exception):
    """A URL that is not fetched, or not to its end. The message has the host and the reason, and no more of the URL."""


def parse_url(text: str, allow: Sequence[str]) -> URL:
    """Read an absolute URL and hold it against the hosts of the spec; raise UrlRefused."""
    if len(text) > LONGEST:
        raise UrlRefused(f"expected a URL of at most {LONGEST} characters, got {len(text)}")
    if _CONTROL.search(text):
        raise UrlRefused("expected a URL, got one with control characters")
    try:
        url = _read(text)
    except ValueError as error:
        raise UrlRefused("expected a URL, got what is none") from error
    check_url(url, allow)
    return url


def follow(url: URL, location: str, allow: Sequence[str]) -> URL:
    """Return where a redirect leads, relative or not, held against the same hosts; raise UrlRefused."""
    if not location or _CONTROL.search(location):
        raise UrlRefused(f"{url.raw_host}: redirects to what is no URL")
    try:
        target = url.join(_read(location))
    except ValueError as error:
        raise UrlRefused(f"{url.raw_host}: redirects to what is no URL") from error
    try:
        check_url(target, allow)
    except UrlRefused as error:
        raise UrlRefused(f"{url.raw_host}: redirects to {error}") from error
    return target


def check_url(url: URL, allow: Sequence[str]) -> None:
    """Raise UrlRefused unless the URL may be asked, as far as its text goes."""
    if url.scheme not in SCHEMES:
        raise UrlRefused(f"a URL of http or https is expected, got the scheme {quote(url.scheme)}")
    if url.raw_user is not None or url.raw_password is not None:
        raise UrlRefused("a URL with a user or a password in it is not fetched")
    host, port = (url.raw_host or "").lower(), url.port or 0
    if ":" in host or _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        # A host that ends in a number is an IPv4 address, however it is spelled (WHATWG URL, "ends in a number").
        raise UrlRefused(f"{clip(host)}: hosts are named, not given as addresses")
    if not _NAME.fullmatch(host):
        raise UrlRefused(f"{quote(host)}: is no name of a host")
    if not any(_fits(host.removesuffix("."), port, pattern) for pattern in allow):
        shown = clip(host) if port in PORTS else f"{clip(host)}:{port}"
        raise UrlRefused(f"{shown}: the model allows no pictures from there (spec.access.imageUrls.allow)")


def _read(text: str) -> URL:
    """Parse a URL. One that needs no quoting stays as it was written: signatures are made over every character."""
    url = URL(text, encoded=text.isascii() and " " not in text)
    _ = url.port  # host and port are parsed with the first of them that is looked at, and here ValueError is expected
    return url


def _fits(host: str, port: int, pattern: str) -> bool:
    """Whether a host and port are those of `name`, `*.suffix`, `name:port` or `*.suffix:port`."""
    name, _, only = pattern.partition(":")
    named = host.endswith(name[1:]) and host != name[1:] if name.startswith("*.") else host == name
    return named and (port == int(only) if only else port in PORTS)
