"""Cross-origin requests (WHATWG Fetch, "CORS protocol"): only the origins that `spec.access.cors` names."""

from __future__ import annotations

from modelport.api.access import Cors
from modelport.gateway.http import Request, Response

ALLOWED_METHODS = "GET, POST, PUT, OPTIONS"
ALLOWED_HEADERS = (
    "Authorization, Content-Encoding, Content-Type, Inference-Header-Content-Length, X-Api-Key, X-Request-Id"
)
EXPOSED_HEADERS = "Inference-Header-Content-Length, Retry-After, X-Model-Digest, X-Model-Version, X-Request-Id"
MAX_AGE_SECONDS = 3600
"""How long a browser may keep a preflight's answer."""


def cors_headers(request: Request, cors: Cors | None) -> dict[str, str]:
    """Headers that let the request's origin read the answer; none where it is not allowed to."""
    if cors is None:
        return {}
    headers = {"Vary": "Origin"}
    origin = request.headers.get("origin")
    if origin is not None and (origin in cors.allow_origins or "*" in cors.allow_origins):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    return headers


def preflight(request: Request, cors: Cors | None) -> Response:
    """Answer a browser's question whether it may ask: without the allowing headers the answer is no."""
    headers = cors_headers(request, cors)
    if "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        headers["Access-Control-Max-Age"] = str(MAX_AGE_SECONDS)
    return Response(204, {"Server": "modelport", **headers})
