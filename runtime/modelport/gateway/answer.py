"""From a format's reply to the HTTP response: the headers that every answer has."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from modelport.gateway.cors import cors_headers
from modelport.gateway.errors import GatewayError, MethodNotAllowed, Unauthorized
from modelport.gateway.formats.base import Reply
from modelport.gateway.visit import Visit

SERVER = "modelport"
"""Instead of aiohttp's own, which tells its version and Python's to everyone."""
COMPRESS_FROM_BYTES = 8 << 10
"""Smaller answers are sent as they are, whatever the client accepts: compression would cost more than it saves."""


def build_response(visit: Visit, reply: Reply, error: GatewayError | None) -> web.Response:
    """Dress a reply. `error` is what it words, if it words one."""
    headers = {"X-Request-Id": visit.call.request_id, "Server": SERVER, **reply.headers}
    headers.update(_model_headers(visit))
    if error is not None:
        headers.update(_error_headers(error, reply.status))
    headers["Content-Type"] = reply.content_type
    response = web.Response(status=reply.status, body=reply.body, headers=headers)
    if len(reply.body) >= COMPRESS_FROM_BYTES and "Accept-Encoding" in visit.request.headers:
        response.enable_compression()
    return response


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
