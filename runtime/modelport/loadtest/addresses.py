"""URLs as the command line gives them, and what they call."""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from modelport.loadtest.apis import APIS, Api
from modelport.loadtest.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """What is called: any URL, or a model in a format that we can word requests in."""

    url: URL
    api: Api | None = None
    metadata: URL | None = None


def parse_address(text: str) -> Address:
    """Tell a URL that predicts from any other."""
    url = parse_url(text)
    for api in APIS.values():
        if found := api.match(url.raw_path):
            return place_model(url, found[0], api, found[1])
    return Address(url)


def parse_url(text: str) -> URL:
    """Read an absolute http or https URL."""
    try:
        url = URL(text)
        (url.host or "").encode("idna")  # what resolving it will do
    except ValueError as error:  # a UnicodeError is one
        raise UsageError(f"{text!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{text!r} is not an http:// or https:// URL with a host")
    return url.with_fragment(None)


def place_model(base: URL, prefix: str, api: Api, model: str) -> Address:
    """Place a model's two addresses below the server's path `prefix`."""
    call, metadata = (prefix + path.format(model=model) for path in (api.call, api.metadata))
    return Address(base.with_path(call, encoded=True, keep_query=True), api, base.with_path(metadata, encoded=True))


def shown(url: str) -> str:
    """Return a URL as it may be printed: user, password and query can hold secrets."""
    return str(URL(url).with_user(None).with_query(None))
