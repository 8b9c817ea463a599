"""The public port: one request, from its path to its answer.

    place → route → model → key → rate → body → decode → coalesce → Triton → encode

Formats decide what is said, `models.py` who answers, `coalesce.py` how it travels; here it is put in order, bounded in
time, counted, and given the headers that every answer has. Nothing that goes wrong leaves by another way than a
format's own error.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import Any

from aiohttp import web

from modelport.api import model_name
from modelport.gateway.addresses import Addresses, Place
from modelport.gateway.body import read_body
from modelport.gateway.coalesce import Trip
from modelport.gateway.config import GatewayOptions, ServingConfig
from modelport.gateway.cors import cors_headers, preflight
from modelport.gateway.errors import (
    ClientGone,
    DeadlineExceeded,
    GatewayError,
    InternalError,
    MethodNotAllowed,
    ModelNotFound,
    NotFound,
    Unauthorized,
    Unavailable,
)
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Call, Operation, Reply, Route
from modelport.gateway.keys import Keyring
from modelport.gateway.metrics import GatewayMetrics, ModelMetrics
from modelport.gateway.models import LiveModel, Models
from modelport.gateway.ratelimit import Rate, RateLimiter
from modelport.gateway.routes import Match, Router
from modelport.gateway.triton import Triton

log = logging.getLogger(__name__)

UNKNOWN_MODEL_BODY_BYTES = 1 << 20
"""As much is read for a model that does not exist: enough to tell bad JSON, which some documents put first."""
COMPRESS_FROM_BYTES = 8 << 10
"""Smaller answers are sent as they are, whatever the client accepts: compression would cost more than it saves."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_OPEN = frozenset({Operation.SERVER_METADATA, Operation.SERVER_LIVE, Operation.SERVER_READY})
"""Operations that speak of no model and need no key."""


class _Visit:
    """What is known of a request so far: for its headers, its metrics and its log line."""

    __slots__ = ("call", "key", "meta_version", "model", "named", "received", "seconds", "started", "trace", "trip")

    def __init__(self, call: Call, trace: str | None) -> None:
        self.call = call
        self.trace = trace
        self.started = perf_counter()
        self.named: LiveModel | None = None
        """The model that the request named, which it counts for."""
        self.model: LiveModel | None = None
        """The same, once its key has opened it: only then do headers speak of it."""
        self.key = ""
        self.meta_version = ""
        self.received = 0
        self.seconds: dict[str, float] = {}
        self.trip = Trip()


class Gateway:
    """The public port's handler and everything that it holds."""

    def __init__(self, options: GatewayOptions, metrics: GatewayMetrics, triton: Triton) -> None:
        self.metrics = metrics
        self.models = Models(triton)
        self.draining = False
        self.config_problems: tuple[str, ...] = ()
        """What of the configuration in force could not be used."""
        self._options = options
        self._triton = triton
        self._router = Router(FORMATS.values())
        self._addresses = Addresses(())
        self._keys = Keyring(ServingConfig())
        self._rates = RateLimiter({}, workers=options.workers)

    def apply(self, config: ServingConfig) -> None:
        """Take a new configuration; requests in flight end under the old one."""
        served = config.models.values()
        self.config_problems = config.problems
        self.models.apply(config.models)
        self._addresses = Addresses(each.resource for each in served)
        self._keys = Keyring(config)
        self._rates.update(_rates(config), monotonic())

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, always."""
        place = self._addresses.place(request.headers.get("Host", ""), _raw_path(request))
        match = self._router.match(request.method, place.path)
        visit = _Visit(_call(request, place, match), _trace(request))
        if request.method == "OPTIONS":
            return self._preflight(request, place)
        try:
            reply, error = await self._reply(request, place, match, visit), None
        except GatewayError as caught:
            reply, error = match.format.encode_error(caught, visit.call), caught
        except asyncio.CancelledError:
            self._count(visit, match, ClientGone.status, 0, ClientGone("the client left"))
            raise
        except Exception:
            log.exception("a request failed", extra=self._fields(visit))
            error = InternalError(f"internal error; the log tells more by request id {visit.call.request_id}")
            reply = match.format.encode_error(error, visit.call)
        self._count(visit, match, reply.status, len(reply.body), error)
        return self._response(request, reply, visit, error)

    async def _reply(self, request: web.Request, place: Place, match: Match, visit: _Visit) -> Reply:
        route = match.route
        if match.error is not None or route is None:
            raise match.error or NotFound("no such address")
        if self.draining and route.operation is Operation.INFER:
            raise Unavailable("this instance is shutting down: try again", retry_after=1)
        if "model" not in match.params:
            return await self._describe_server(request, match, route, visit)
        try:
            model = self._find(match, place)
            version = _version(match.params, model)
            self._admit(request, model, visit)
            if route.operation is not Operation.INFER:
                facts = await self._facts(model, version, route.operation)
                view = model.view(facts) if route.operation is Operation.MODEL_METADATA else None
                return match.format.describe(visit.call, view, facts)
            return await self._infer(request, match, model, version, visit)
        except ModelNotFound as error:
            await self._read(request, visit, UNKNOWN_MODEL_BODY_BYTES)
            raise match.format.model_not_found(visit.call, error) from error

    def _find(self, match: Match, place: Place) -> LiveModel:
        name = match.params["model"]
        if place.model not in (None, name):
            raise ModelNotFound(name)
        model = self.models.get(name)
        if match.format.name not in model.apis:
            offered = ", ".join(model.apis)
            raise NotFound(f"model {name} is not published as {match.format.name}; spec.apis: {offered}")
        return model

    def _admit(self, request: web.Request, model: LiveModel, visit: _Visit) -> None:
        visit.named = model
        visit.key = self._keys.authenticate(model.name, request.headers, datetime.now(UTC))
        visit.model = model
        if visit.call.route is not None and visit.call.route.operation is Operation.INFER:
            self._rates.check(model.name, visit.key, monotonic())

    async def _infer(
        self, request: web.Request, match: Match, model: LiveModel, version: int | None, visit: _Visit
    ) -> Reply:
        limits = model.spec.limits
        in_flight = self.metrics.in_flight_of(model.name, model.namespace, match.format.name)
        in_flight.inc()
        try:
            async with asyncio.timeout(limits.timeout_seconds):
                await self._read(request, visit, limits.body_bytes)
                began = perf_counter()
                meta = model.resolve(version)
                visit.meta_version = str(meta.version)
                view = model.view(meta)
                wanted = match.format.decode(visit.call, view)
                visit.seconds["decode"] = perf_counter() - began
                counters = self._counters(visit, match)
                counters.queue.inc()
                try:
                    result = await model.coalescer.infer(meta, wanted, visit.key, visit.trip, visit.trace)
                finally:
                    counters.queue.dec()
                    visit.seconds["queue"] = visit.trip.queue
                    visit.seconds["triton"] = visit.trip.triton
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"no answer within {limits.timeout_seconds} s (spec.limits.timeoutSeconds)"
            ) from error
        except Unavailable:
            self.models.look()
            raise
        finally:
            in_flight.dec()
        model.answered(meta.version)
        began = perf_counter()
        reply = match.format.encode(result, wanted, visit.call, view)
        visit.seconds["encode"] = perf_counter() - began
        return reply

    async def _facts(self, model: LiveModel, version: int | None, operation: Operation) -> Any:
        """What `Operation` promises to a format."""
        match operation:
            case Operation.MODEL_STATUS:
                return model.states(version)
            case Operation.MODEL_METADATA:
                return model.resolve(version)
            case Operation.MODEL_READY:
                return model.answers(version)
            case Operation.MODEL_CONFIG:
                return await self._triton.config(model.name, model.resolve(version).version)
            case Operation.MODEL_STATISTICS:
                return await self._triton.statistics(model.name, version)
            case _:
                return None

    async def _describe_server(self, request: web.Request, match: Match, route: Route, visit: _Visit) -> Reply:
        facts: Any = None
        match route.operation:
            case Operation.SERVER_METADATA:
                facts = await self._triton.server()
            case Operation.SERVER_LIVE:
                facts = True
            case Operation.SERVER_READY:
                facts = self.ready
            case Operation.REPOSITORY_INDEX:
                await self._read(request, visit, UNKNOWN_MODEL_BODY_BYTES)
                opened = self._opened(request)
                facts = tuple(
                    (model.name, state) for model in self.models if model.name in opened for state in model.states()
                )
            case Operation.MODEL_STATISTICS:
                opened = self._opened(request)
                every = await self._triton.statistics("", None)
                facts = every | {"model_stats": [each for each in every["model_stats"] if each["name"] in opened]}
        return match.format.describe(visit.call, None, facts)

    def _opened(self, request: web.Request) -> frozenset[str]:
        return self._keys.opens(request.headers, datetime.now(UTC))

    @property
    def ready(self) -> bool:
        """Every model answers, and this process takes requests."""
        return not self.draining and all(model.ready for model in self.models)

    async def _read(self, request: web.Request, visit: _Visit, limit: int) -> None:
        if request.can_read_body:
            body = await read_body(request, limit)
            visit.received = request.content_length or len(body)
            visit.call = visit.call.with_body(body)

    def _preflight(self, request: web.Request, place: Place) -> web.Response:
        wanted = self._router.match(request.headers.get("Access-Control-Request-Method", "POST"), place.path)
        try:
            cors = self.models.get(wanted.params.get("model", "")).spec.access.cors
        except ModelNotFound:
            cors = None
        return preflight(request, cors)

    def _response(
        self, request: web.Request, reply: Reply, visit: _Visit, error: GatewayError | None
    ) -> web.StreamResponse:
        headers = {"X-Request-Id": visit.call.request_id, "Server": "modelport", **reply.headers}
        model = visit.model
        if model is not None:
            if visit.meta_version:
                headers["X-Model-Version"] = visit.meta_version
            if model.served.digest:
                headers["X-Model-Digest"] = model.served.digest
            headers.update(cors_headers(request, model.spec.access.cors))
        if error is not None:
            if error.retry_after is not None:
                headers["Retry-After"] = str(error.retry_after)
            if isinstance(error, Unauthorized):
                headers["WWW-Authenticate"] = "Bearer"
            if isinstance(error, MethodNotAllowed):
                headers["Allow"] = ", ".join(error.allow)
        headers["Content-Type"] = reply.content_type
        response = web.Response(status=reply.status, body=reply.body, headers=headers)
        if len(reply.body) >= COMPRESS_FROM_BYTES and "Accept-Encoding" in request.headers:
            response.enable_compression()
        return response

    def _counters(self, visit: _Visit, match: Match) -> ModelMetrics:
        model = visit.named
        name, namespace = (model.name, model.namespace) if model is not None else ("", "")
        return self.metrics.of(name, namespace, match.format.name, visit.meta_version)

    def _count(self, visit: _Visit, match: Match, status: int, sent: int, error: GatewayError | None) -> None:
        visit.seconds["total"] = perf_counter() - visit.started
        counters = self._counters(visit, match)
        exemplar = self.metrics.exemplar(visit.trace and visit.trace[3:35], visit.call.request_id)
        counters.finished(
            status,
            visit.seconds,
            received=visit.received,
            sent=sent,
            batch=visit.trip.batch,
            key=visit.key,
            billable=error is None and "encode" in visit.seconds,
            exemplar=exemplar,
        )
        if error is not None:
            counters.failed(error.reason)
            level = logging.WARNING if error.status >= 500 else logging.DEBUG
            log.log(level, "%s: %s", error.reason, error.message, extra=self._fields(visit))

    def _fields(self, visit: _Visit) -> dict[str, str]:
        return {"request_id": visit.call.request_id, "model": visit.model.name if visit.model else "", "key": visit.key}


def _rates(config: ServingConfig) -> dict[str, Rate]:
    found = {}
    for each in config.models.values():
        limit = each.resource.spec.access.rate_limit
        if limit is not None:
            burst = limit.burst or max(1.0, limit.requests_per_second)
            found[model_name(each.resource)] = Rate(limit.requests_per_second, burst)
    return found


def _version(params: Any, model: LiveModel) -> int | None:
    if "label" in params:
        return model.version_of(params["label"])
    version = params.get("version")
    if version is None:
        return None
    if not version.isascii() or not version.isdigit() or len(version) > 18:
        raise NotFound(f"path: expected a version number, got {version[:40]!r}")
    return int(version)


def _call(request: web.Request, place: Place, match: Match) -> Call:
    given = request.headers.get("X-Request-Id", "")
    return Call(
        method=request.method,
        path=place.path,
        route=match.route,
        params=match.params,
        query=dict(request.query) if request.query_string else {},
        headers={name.lower(): value for name, value in request.headers.items()},
        request_id=given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8),
    )


def _raw_path(request: web.Request) -> str:
    path = request.raw_path
    if not path.startswith("/"):
        path = request.rel_url.raw_path
    return path.partition("?")[0]


def _trace(request: web.Request) -> str | None:
    trace = request.headers.get("traceparent")
    return trace if trace and _TRACEPARENT.fullmatch(trace) else None
