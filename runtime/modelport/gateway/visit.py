"""One request on its way through the gateway: what it said, and what has become known of it."""

from __future__ import annotations

import random
import re
from time import perf_counter

from modelport.gateway.addresses import Place
from modelport.gateway.body import read_body
from modelport.gateway.coalesce import Trip
from modelport.gateway.formats.base import Call, Format
from modelport.gateway.http import Request
from modelport.gateway.live_model import LiveModel
from modelport.gateway.routes import Match

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2: version, trace id, parent id, flags."""


def request_id_of(request: Request) -> str:
    """Return the request's own id if it is one, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


class Visit:
    """A request, its place and its route; the rest is filled in as it goes along."""

    __slots__ = (
        "billable", "call", "key", "match", "model", "named", "place", "received", "request", "seconds", "started",
        "trace", "trip", "version",
    )  # fmt: skip

    def __init__(self, request: Request, place: Place, match: Match) -> None:
        trace = request.headers.get("traceparent", "")
        self.request = request
        self.place = place
        self.match = match
        self.call = Call(
            method=request.method,
            path=place.path,
            route=match.route,
            params=match.params,
            query=request.query if request.query_string else {},
            headers=request.headers,
            request_id=request_id_of(request),
        )
        self.started = perf_counter()
        self.trace = trace if _TRACEPARENT.fullmatch(trace) else None
        self.named: LiveModel | None = None
        """The model that the request named, which it counts for."""
        self.model: LiveModel | None = None
        """The same, once its key has opened it: only then do headers speak of it."""
        self.key = ""
        """The name of the key that opened it."""
        self.version = ""
        """The version that answers."""
        self.received = 0
        """Bytes of the body as they came."""
        self.billable = False
        """It was answered, and the answer is paid for."""
        self.seconds: dict[str, float] = {}
        """By stage; see `metrics.table.STAGES`."""
        self.trip = Trip()

    @property
    def format(self) -> Format:
        return self.match.format

    @property
    def trace_id(self) -> str | None:
        return self.trace and self.trace[3:35]

    async def read(self, limit: int) -> None:
        """Read the body into the call, unless it has been read."""
        if self.request.has_body:
            body = await read_body(self.request, limit)
            self.received = self.request.size
            self.call = self.call.with_body(body)

    def log_fields(self) -> dict[str, str]:
        """What every log line about it says."""
        model = self.model.name if self.model else ""
        return {"request_id": self.call.request_id, "model": model, "key": self.key}
