"""A request's body, whole and decompressed, never larger than the model allows."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from modelport.gateway.errors import BadRequest, BodyTooLarge, UnsupportedEncoding

ENCODINGS = frozenset({"identity", "gzip", "deflate"})
"""Content-Encodings that aiohttp undoes while reading; deflate with and without the zlib frame."""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Read the body. `limit` bounds what is sent and what comes of it after decompression, in bytes."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ENCODINGS:
        shown = encoding[:40].encode("ascii", "backslashreplace").decode()
        raise UnsupportedEncoding(f"Content-Encoding: expected gzip or deflate, got {shown!r}")
    declared = request.content_length
    if declared is not None and declared > limit:
        raise _too_large(limit, f"{declared} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := await request.content.readany():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, "more" if encoding == "identity" else f"more after {encoding}")
            chunks.append(chunk)
    except (HttpProcessingError, web.RequestPayloadError) as error:
        what = "a complete chunked body" if encoding == "identity" else f"a body in {encoding}, as declared"
        raise BadRequest(f"body: expected {what}, got something else") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int, got: str) -> BodyTooLarge:
    return BodyTooLarge(f"body: at most {limit} bytes (spec.limits.bodyBytes), got {got}")
