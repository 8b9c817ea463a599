"""Who finds a model's queue full is sent away by the head of the request alone.

Under overload most requests end so, and what each of them costs is taken from those that are let in. The first at an
address goes the whole way; its answer, in its format's words, serves all that come while the queue is full. No key is
looked at and no body read. Origins are answered one by one, since browsers want theirs named.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.gateway.coalesce import Coalescer
from modelport.gateway.errors import QueueFull
from modelport.gateway.http import Request, Response
from modelport.gateway.metrics import ModelMetrics
from modelport.gateway.visit import request_id_of

MAX_ADDRESSES = 256
"""Kept at once; then they are learnt anew."""

Address = tuple[str, str, str]
"""Method, host and path."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    response: Response
    coalescer: Coalescer
    counters: ModelMetrics


@dataclass(slots=True)
class Crowd:
    """The answers of full queues, by address."""

    _refusals: dict[Address, _Refusal] = field(default_factory=dict)

    def learn(self, request: Request, response: Response, coalescer: Coalescer, counters: ModelMetrics) -> None:
        """Keep the answer to a request that found the queue full."""
        if "origin" in request.headers:
            return
        if len(self._refusals) >= MAX_ADDRESSES:
            self._refusals.clear()
        self._refusals[_address_of(request)] = _Refusal(response, coalescer, counters)

    def forget(self) -> None:
        """Begin anew under another configuration."""
        self._refusals.clear()

    def refuse(self, request: Request) -> Response | None:
        """Answer a request whose model has no room; None where it has, or where nobody knows."""
        if not self._refusals or "origin" in request.headers:
            return None
        refusal = self._refusals.get(_address_of(request))
        if refusal is None or not refusal.coalescer.full:
            return None
        response = refusal.response
        refusal.counters.refused(response.status, QueueFull.reason, sent=len(response.body))
        headers = {**response.headers, "X-Request-Id": request_id_of(request)}
        return Response(response.status, headers, response.body)


def _address_of(request: Request) -> Address:
    return request.method, request.headers.get("host", ""), request.path
