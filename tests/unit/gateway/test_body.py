"""Bodies in every encoding: bounded before and after, and refused with a reason."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from modelport.gateway.body import read_body
from modelport.gateway.errors import GatewayError
from modelport.gateway.http import Request, Response

LIMIT = 1000
TEXT = b'{"instances": [1.0, 2.0, 5.0]}'


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.fixture
async def client(listen: Callable[..., Any]) -> ClientSession:
    async def echo(request: Request) -> Response:
        try:
            return Response(body=await read_body(request, LIMIT))
        except GatewayError as error:
            return Response(error.status, body=error.message.encode())

    return await listen(echo)


READ = {
    "as it is": ("identity", TEXT, TEXT),
    "no body": ("identity", b"", b""),
    "gzip": ("gzip", gzip.compress(TEXT), TEXT),
    "gzip in capitals": ("GZIP", gzip.compress(TEXT), TEXT),
    "gzip of two members": ("gzip", gzip.compress(TEXT) + gzip.compress(TEXT), TEXT + TEXT),
    "deflate with zlib's frame": ("deflate", zlib.compress(TEXT), TEXT),
    "deflate without it": ("deflate", raw_deflate(TEXT), TEXT),
    "just within the limit": ("gzip", gzip.compress(b"x" * LIMIT), b"x" * LIMIT),
}


@pytest.mark.parametrize(("encoding", "sent", "read"), READ.values(), ids=READ)
async def test_reads(client: ClientSession, encoding: str, sent: bytes, read: bytes) -> None:
    response = await client.post("/", data=sent, headers={"Content-Encoding": encoding})

    assert (response.status, await response.read()) == (200, read)


REFUSED = {
    "too large": (
        "identity",
        b"x" * (LIMIT + 1),
        413,
        f"at most {LIMIT} bytes (spec.limits.bodyBytes), got {LIMIT + 1}",
    ),
    "too large after decompression": ("gzip", gzip.compress(b"x" * (LIMIT + 1)), 413, "got more after gzip"),
    "a bomb in a second member": (
        "gzip",
        gzip.compress(b"x") + gzip.compress(b"x" * 10**5),
        413,
        "got more after gzip",
    ),
    "not gzip at all": ("gzip", TEXT, 400, "expected gzip, as Content-Encoding says"),
    "gzip that ends too early": ("gzip", gzip.compress(TEXT)[:-1], 400, "it ends too early"),
    "gzip whose checksum is wrong": ("gzip", gzip.compress(TEXT)[:-5] + b"\0" * 5, 400, "incorrect data check"),
    "not deflate": ("deflate", b"\xff" * 20, 400, "expected deflate, as Content-Encoding says"),
    "an encoding that is not offered": ("br", TEXT, 415, "expected gzip or deflate, got 'br'"),
}


@pytest.mark.parametrize(("encoding", "sent", "status", "says"), REFUSED.values(), ids=REFUSED)
async def test_refuses(client: ClientSession, encoding: str, sent: bytes, status: int, says: str) -> None:
    response = await client.post("/", data=sent, headers={"Content-Encoding": encoding})

    assert (response.status, says in await response.text()) == (status, True)


async def test_a_body_of_unknown_length_is_bounded_too(client: ClientSession) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    assert (await client.post("/", data=endless())).status == 413
