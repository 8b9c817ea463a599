"""A request's body, whole and decompressed, never larger than the model allows."""

from __future__ import annotations

import asyncio
import zlib

from modelport.gateway.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from modelport.gateway.http import BrokenBody, LargeBody, Request

ENCODINGS = ("identity", "gzip", "deflate")
THREAD_FROM_BYTES = 64 << 10
"""Compressed bodies from this size on are decompressed beside the event loop, which others wait for."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read the body. `limit` bounds what is sent, and what comes of it after decompression, in bytes."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ENCODINGS:
        shown = encoding[:40].encode("ascii", "backslashreplace").decode()
        raise UnsupportedEncoding(f"Content-Encoding: expected gzip or deflate, got {shown!r}")
    sent = await _read(request, limit)
    if encoding == "identity":
        return sent
    if len(sent) < THREAD_FROM_BYTES:
        return decompress(sent, encoding, limit)
    return await asyncio.to_thread(decompress, sent, encoding, limit)


def decompress(sent: bytes, encoding: str, limit: int) -> bytes:
    """Undo gzip (of one or several members) or deflate (with zlib's frame or without, as clients disagree on it)."""
    wbits = zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS if _has_zlib_frame(sent) else -zlib.MAX_WBITS
    whole = bytearray()
    while sent:
        stream = zlib.decompressobj(wbits)
        try:
            whole += stream.decompress(sent, limit + 1 - len(whole))
        except zlib.error as error:
            raise BadRequest(f"body: expected {encoding}, as Content-Encoding says: {error}") from error
        if len(whole) > limit:
            raise _too_large(limit, f"more after {encoding}")
        if not stream.eof:
            raise BadRequest(f"body: expected {encoding}, as Content-Encoding says: it ends too early")
        sent = stream.unused_data if encoding == "gzip" else b""
    return bytes(whole)


async def _read(request: Request, limit: int) -> bytes:
    try:
        return await request.read(limit)
    except LargeBody as error:
        raise _too_large(limit, "more" if error.declared is None else str(error.declared)) from error
    except BrokenBody as error:
        raise BadRequest("body: it does not end as its headers say") from error


def _has_zlib_frame(data: bytes) -> bool:
    """RFC 1950, section 2.2: the method is 8, and the first two bytes are a multiple of 31."""
    return len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0


def _too_large(limit: int, got: str) -> BodyTooLarge:
    return BodyTooLarge(f"body: expected at most {limit} bytes (spec.limits.bodyBytes), got {got}")
