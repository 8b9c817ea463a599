"""From the words of the command line to the one request that is sent again and again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from modelport.loadtest.apis import APIS, Api
from modelport.loadtest.client import Request, exchange, open_session
from modelport.loadtest.errors import LoadtestError, UsageError
from modelport.loadtest.tally import failed_exchange, words_of

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEY = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for; None where it says nothing."""

    target: str
    base: str = "http://127.0.0.1:8080"
    """Where a model is served that `target` only names."""
    api: str | None = None
    method: str | None = None
    headers: Mapping[str, str] | None = None
    key: str | None = None
    body: bytes | None = None
    rows: int | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """What is called: any URL, or a model in a format that we can word requests in."""

    url: URL
    api: Api | None = None
    metadata: URL | None = None


async def resolve(wanted: Wanted) -> Request:
    """Return the request to send, made from the model's metadata where the command line brings no body."""
    address = parse_address(wanted)
    headers = build_headers(wanted)
    body = wanted.body
    if body is None and address.api and address.metadata and wanted.method in (None, "POST"):
        ask = Request("GET", str(address.metadata), headers, timeout=wanted.timeout)
        body = address.api.body(await _fetch_json(ask), wanted.rows or 1)
    elif wanted.rows is not None:
        raise UsageError("--batch needs a request that is made here: a model's name or predict address, and no --body")
    if body is not None:
        headers = {"Content-Type": "application/json"} | headers
    method = wanted.method or ("GET" if body is None else "POST")
    return Request(method, str(address.url), headers, body or b"", wanted.timeout)


async def check(request: Request) -> None:
    """Send the request once, outside the figures, and raise where a run could only repeat one failure."""
    status, body = await _send(request)
    if status == 401:
        raise LoadtestError(_unauthorized(request, body))


def parse_address(wanted: Wanted) -> Address:
    """Tell a model's name from a URL, and a URL that predicts from any other."""
    if "://" not in wanted.target:
        if not _MODEL.fullmatch(wanted.target):
            raise UsageError(f"{wanted.target!r} is neither a model's name nor a URL; a URL begins with http://")
        base = parse_url(wanted.base)
        return _address(base, base.raw_path.rstrip("/"), APIS[wanted.api or "tensorflow-serving"], wanted.target)
    if wanted.api:
        raise UsageError("--api goes with a model's name; a URL says itself what is called")
    url = parse_url(wanted.target)
    for api in APIS.values():
        if found := api.match(url.raw_path):
            return _address(url, found[0], api, found[1])
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


def build_headers(wanted: Wanted) -> dict[str, str]:
    """Return the headers of every request; a header that was asked for wins over ours."""
    headers = {"User-Agent": "modelport-loadtest"}
    if wanted.key:
        if not _KEY.fullmatch(wanted.key):
            raise UsageError("the key holds a character that no header can carry; expected printable ASCII")
        headers["Authorization"] = f"Bearer {wanted.key}"
    return headers | {name.title(): value for name, value in (wanted.headers or {}).items()}


def shown(url: str) -> str:
    """Return a URL as it may be printed: user, password and query can hold secrets."""
    return str(URL(url).with_user(None).with_query(None))


def _address(base: URL, prefix: str, api: Api, model: str) -> Address:
    """Place a model's two addresses below the server's path `prefix`."""
    call, metadata = (prefix + path.format(model=model) for path in (api.call, api.metadata))
    return Address(base.with_path(call, encoded=True, keep_query=True), api, base.with_path(metadata, encoded=True))


async def _fetch_json(request: Request) -> Any:
    status, body = await _send(request)
    if status == 401:
        raise LoadtestError(_unauthorized(request, body))
    if status != 200:
        raise LoadtestError(f"{shown(request.url)} answered {status}: {words_of(body)}")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LoadtestError(f"{shown(request.url)} did not answer with JSON; is this a model server?") from error


async def _send(request: Request) -> tuple[int, bytes]:
    try:
        async with open_session(request) as session:
            return await exchange(session, request)
    except (aiohttp.ClientError, OSError) as error:
        failure = failed_exchange(error, request.timeout)
        raise LoadtestError(f"{shown(request.url)} does not answer: {failure.words or failure.kind}") from error


def _unauthorized(request: Request, body: bytes) -> str:
    given = {"Authorization", "X-Api-Key"} & request.headers.keys()
    advice = "the key that was given is refused" if given else "give the model's key in MODELPORT_KEY or by --key"
    return f"{shown(request.url)} answered 401 ({words_of(body)}): {advice}"
