"""From the words of the command line to the one request that is sent again and again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from modelport.discovery import NoDocument, Operation, choose, declare, fetch_operations, fill
from modelport.loadtest.addresses import Address, parse_address, parse_url, place_model, shown
from modelport.loadtest.apis import APIS, DEFAULT
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
    file: bytes | None = None
    """To be sent in place of the file in the model's example."""
    file_name: str = ""
    """Its ending is its type, in formats where the caller declares one."""
    rows: int | None = None
    timeout: float = 30.0


async def resolve(wanted: Wanted) -> Request:
    """Return the request to send, with a body made for the model where the command line brings none.

    Raises:
        LoadtestError: the command line cannot be meant so, or the server does not describe the model.
        DiscoveryError: the gateway has no such model or API, or nobody answers.
    """
    if wanted.rows is not None and wanted.body is not None:
        raise UsageError("--batch needs a request that is made here, without --body")
    headers = build_headers(wanted)
    way = await find_way(wanted)
    body = wanted.body
    if body is None:
        body = _fill(way, wanted) if isinstance(way, Operation) else await _make(way, wanted, headers)
    if body is not None:
        headers = {"Content-Type": "application/json"} | headers
    method = wanted.method or ("GET" if body is None else "POST")
    return Request(method, str(way.url), headers, body or b"", wanted.timeout)


async def check(request: Request) -> None:
    """Send the request once, outside the figures, and raise where a run could only repeat one failure."""
    status, body = await _send(request)
    if status == 401:
        raise LoadtestError(_unauthorized(request, body))


async def find_way(wanted: Wanted) -> Operation | Address:
    """Tell how the target is called: an address, or what a gateway shows of a model in a format of its own."""
    if "://" in wanted.target:
        if wanted.api or wanted.file is not None:
            raise UsageError("--api and --file go with a model's name; a URL says itself what is called")
        return parse_address(wanted.target)
    if not _MODEL.fullmatch(wanted.target):
        raise UsageError(f"{wanted.target!r} is neither a model's name nor a URL; a URL begins with http://")
    base, api = parse_url(wanted.base), APIS.get(wanted.api or "")
    if api is None or wanted.file is not None:
        operation = await _shown_operation(wanted)
        if operation and (operation.api not in APIS or wanted.file is not None):
            return operation
        api = APIS[operation.api if operation else DEFAULT]
    return place_model(base, base.raw_path.rstrip("/"), api, wanted.target)


async def _shown_operation(wanted: Wanted) -> Operation | None:
    """Return what the gateway shows of the model; None from a server of another kind, whose formats we can guess."""
    try:
        operations = await fetch_operations(wanted.base, wanted.timeout)
    except NoDocument:
        if wanted.api or wanted.file is not None:
            raise
        return None
    if wanted.file is not None and wanted.api is None:
        operations = tuple(each for each in operations if each.model == wanted.target and each.file) or operations
    return choose(operations, wanted.target, wanted.api)


def _fill(operation: Operation, wanted: Wanted) -> bytes:
    """Return the gateway's example as a body, with the file that was given in it."""
    if wanted.rows is not None:
        raise UsageError(f"--batch goes with {' and '.join(APIS)}; {operation.api} has no rows to multiply")
    example = fill(declare(operation, wanted.file_name), wanted.file)
    return json.dumps(example, separators=(",", ":")).encode()


async def _make(address: Address, wanted: Wanted, headers: Mapping[str, str]) -> bytes | None:
    """Return a body made from the model's metadata; None for an address of which nothing is known."""
    if address.api and address.metadata and wanted.method in (None, "POST"):
        ask = Request("GET", str(address.metadata), headers, timeout=wanted.timeout)
        return address.api.body(await _fetch_json(ask), wanted.rows or 1)
    if wanted.rows is not None:
        raise UsageError("--batch needs a request that is made here: for a model's name or predict address")
    return None


def build_headers(wanted: Wanted) -> dict[str, str]:
    """Return the headers of every request; a header that was asked for wins over ours."""
    headers = {"User-Agent": "modelport-loadtest"}
    if wanted.key:
        if not _KEY.fullmatch(wanted.key):
            raise UsageError("the key holds a character that no header can carry; expected printable ASCII")
        headers["Authorization"] = f"Bearer {wanted.key}"
    return headers | {name.title(): value for name, value in (wanted.headers or {}).items()}


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
