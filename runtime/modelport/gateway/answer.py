"""From a format's reply to the HTTP response: the headers that every answer has."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

from modelport.gateway.cors import cors_headers
from modelport.gateway.errors import GatewayError, MethodNotAllowed, Unauthorized
from modelport.gateway.formats.base import Reply
from modelport.gateway.http import Response
from modelport.gateway.visit import Visit

SERVER = "modelport"
ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""zlib's `wbits` by what a client may accept, the better known first."""
COMPRESS_FROM_BYTES = 8 << 10
"""Smaller answers are sent as they are, whatever the client accepts: compression would cost more than it saves."""
THREAD_FROM_BYTES = 64 << 10
"""Answers from this size on are compressed beside the event loop."""


async def build_response(visit: Visit, reply: Reply, error: GatewayError | None) -> Response:
    """Dress a reply. `error` is what it words, if it words one."""
    headers = {"X-Request-Id": visit.call.request_id, "Server": SERVER, **reply.headers}
    headers.update(_model_headers(visit))
    if error is not None:
        headers.update(_error_headers(error, reply.status))
    headers["Content-Type"] = reply.content_type
    encoding = (
        _accepted(visit.request.headers.get("accept-encoding", "")) if len(reply.body) >= COMPRESS_FROM_BYTES else ""
    )
    body = reply.body
    if encoding:
        headers["Content-Encoding"] = encoding
        large = len(body) >= THREAD_FROM_BYTES
        body = await asyncio.to_thread(_compressed, body, encoding) if large else _compressed(body, encoding)
    return Response(reply.status, headers, body, parting=error is not None and error.parting)


def _accepted(header: str) -> str:
    """Return the encoding for a client's Accept-Encoding, empty for none (RFC 9110, section 12.5.3)."""
    offered = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        offered[name.strip()] = parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((encoding for encoding in ENCODINGS if offered.get(encoding)), "")


def _compressed(body: bytes, encoding: str) -> bytes:
    return zlib.compress(body, level=1, wbits=ENCODINGS[encoding])


def _model_headers(visit: Visit) -> Iterator[tuple[str, str]]:
    if visit.model is None:
        return
    if visit.version:
        yield "X-Model-Version", visit.version
    if visit.model.served.digest:
        yield "X-Model-Digest", visit.model.served.digest
    yield from cors_headers(visit.request, visit.model.spec.access.cors).items()


def _error_headers(error: GatewayError, status: int) -> Iterator[tuple[str, str]]:
    if error.retry_after is not None:
        yield "Retry-After", str(error.retry_after)
    if status == Unauthorized.status:  # one format answers a wrong key with another status
        yield "WWW-Authenticate", "Bearer"
    if isinstance(error, MethodNotAllowed):
        yield "Allow", ", ".join(error.allow)
