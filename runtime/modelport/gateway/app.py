"""The public port: one request, from its path to its answer.

    place → route → model → key → schedule → rate → quota → body → fetch → decode → coalesce → Triton → encode

Formats decide what is said, `models.py` who answers, `coalesce.py` how it travels; here it is put in order, bounded in
time and counted. Nothing that goes wrong leaves by another way than a format's own error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, TypeVar

from modelport.api import model_name
from modelport.gateway.addresses import Addresses, Place
from modelport.gateway.answer import build_response
from modelport.gateway.config import GatewayOptions, ServingConfig
from modelport.gateway.cors import preflight
from modelport.gateway.crowd import Crowd
from modelport.gateway.errors import (
    RETRY_AFTER,
    BodyTooLarge,
    ClientGone,
    DeadlineExceeded,
    GatewayError,
    InternalError,
    ModelNotFound,
    NotFound,
    QueueFull,
    StoppedBySchedule,
    Unavailable,
)
from modelport.gateway.evaluation import Sinks, Writers
from modelport.gateway.facts import model_facts, server_facts
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Model, Operation, Reply
from modelport.gateway.http import Request, Response
from modelport.gateway.keys import Keyring
from modelport.gateway.ledger import Ledger
from modelport.gateway.live_model import LiveModel
from modelport.gateway.metrics import GatewayMetrics, ModelMetrics
from modelport.gateway.models import Models
from modelport.gateway.ratelimit import Rate, RateLimiter
from modelport.gateway.routes import Router
from modelport.gateway.serverless import Usage, execution_limit
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta
from modelport.gateway.triton import Triton
from modelport.gateway.visit import Visit

if TYPE_CHECKING:
    from modelport.gateway.image_urls import ImageFetcher

log = logging.getLogger(__name__)

UNKNOWN_MODEL_BODY_BYTES = 1 << 20
"""As much is read for what names no model: enough to tell bad JSON, which some documents put first."""
THREAD_FROM_BYTES = 1 << 20
"""Bodies and answers from this size on, some milliseconds of work, are decoded and encoded beside the event loop; the
bodies of a format that is `heavy` always are."""
HEAVY_THREAD_FROM_BYTES = 16 << 10
"""The same for a heavy format's answers: below it lie scores and a few hundred boxes, above it masks."""

ANSWERED_WHILE_STOPPED = frozenset({Operation.MODEL_STATUS, Operation.MODEL_READY})
"""What is told of a model whose schedule is closed; all else needs the model itself."""

_Done = TypeVar("_Done")


class Gateway:
    """The public port's handler and everything that it holds."""

    def __init__(self, options: GatewayOptions, metrics: GatewayMetrics, triton: Triton) -> None:
        self.metrics = metrics
        self.models = Models(triton, options.repository if options.worker_index == 0 else None)
        self.crowd = Crowd()
        self.draining = False
        self.config_problems: tuple[str, ...] = ()
        """What of the configuration in force could not be used."""
        self._options = options
        self._triton = triton
        self._router = Router(FORMATS.values())
        self._addresses = Addresses(())
        self._keys = Keyring(ServingConfig())
        self._rates = RateLimiter({}, workers=options.workers)
        self.evaluation = Writers(Sinks(options.secrets, options.folder_sinks), metrics)
        failed = metrics.serverless_failures.inc
        self.usage = Usage(
            Ledger(options.usage, failed), worker=options.worker_index, workers=options.workers, on_failure=failed
        )

    @cached_property
    def _images(self) -> ImageFetcher:
        """Made for the first model that has pictures fetched: what it stands on, aiohttp, is a fifth of the start."""
        from modelport.gateway.image_urls import ImageFetcher

        return ImageFetcher(loopback=self._options.allow_loopback_images)

    @property
    def ready(self) -> bool:
        """Every model answers, or is stopped by its schedule, and this process takes requests."""
        return not self.draining and all(model.ready or model.stopped for model in self.models)

    def apply(self, config: ServingConfig) -> None:
        """Take a new configuration; requests in flight end under the old one."""
        self.config_problems = config.problems
        self.models.apply(config.models)
        self.crowd.forget()
        self._addresses = Addresses(each.resource for each in config.models.values())
        self._keys = Keyring(config)
        self.evaluation.apply(config.models.values())
        self._rates.update(_rates(config), monotonic())
        if any(each.resource.spec.access.image_urls for each in config.models.values()):
            _ = self._images  # now, not in the middle of a request

    def place(self, request: Request) -> Place:
        """Tell of which model, and of which path below it, a request speaks."""
        return self._addresses.place(request.headers.get("host", ""), request.path)

    async def handle(self, request: Request) -> Response:
        """Answer one request, always."""
        place = self.place(request)
        if request.method == "OPTIONS":
            return self._preflight(request, place.path)
        visit = Visit(request, place, self._router.match(request.method, place.path))
        error: GatewayError | None = None
        try:
            reply = await self._reply(visit)
        except GatewayError as caught:
            error = caught
        except asyncio.CancelledError:
            self._count(visit, ClientGone.status, 0, ClientGone("the client left"))
            raise
        except Exception:
            log.exception("a request failed", extra=visit.log_fields())
            error = InternalError(f"internal error; the log tells more by request id {visit.call.request_id}")
        if error is not None:
            reply = visit.format.encode_error(error, visit.call)
        self._count(visit, reply.status, len(reply.body), error)
        response = await build_response(visit, reply, error)
        if isinstance(error, QueueFull) and visit.model is not None:
            self.crowd.learn(request, response, visit.model.coalescer, self._counters(visit))
        return response

    async def _reply(self, visit: Visit) -> Reply:
        route = visit.match.route
        if visit.match.error is not None or route is None:
            raise visit.match.error or NotFound("no such address")
        if "model" not in visit.match.params:
            return await self._describe_server(visit, route.operation)
        try:
            return await self._ask_model(visit, route.operation)
        except ModelNotFound as error:
            try:
                await visit.read(UNKNOWN_MODEL_BODY_BYTES)
            except BodyTooLarge:
                raise error from None
            raise visit.format.model_not_found(visit.call, error) from error

    async def _describe_server(self, visit: Visit, operation: Operation) -> Reply:
        await visit.read(UNKNOWN_MODEL_BODY_BYTES)
        opened = self._keys.opens(visit.request.headers, datetime.now(UTC))
        facts = await server_facts(operation, self.models, opened, self.ready, self._triton)
        return visit.format.describe(visit.call, None, facts)

    async def _ask_model(self, visit: Visit, operation: Operation) -> Reply:
        model = visit.named = self._find(visit)
        version = _version(visit.match.params, model)
        visit.key = self._keys.authenticate(model.name, visit.request.headers, datetime.now(UTC))
        visit.model = model
        if operation not in ANSWERED_WHILE_STOPPED:
            model.check_open()
        if operation is not Operation.INFER:
            facts = await model_facts(operation, model, version, self._triton)
            return visit.format.describe(
                visit.call, model.view(facts) if operation is Operation.MODEL_METADATA else None, facts
            )
        model.coalescer.check_room()  # before anything is read: who is sent away should cost little
        self._rates.check(model.name, visit.key, monotonic())
        in_flight = self.metrics.in_flight_of(model.name, model.namespace, visit.format.name)
        in_flight.inc()
        try:
            async with asyncio.timeout(model.spec.limits.timeout_seconds):
                with self.usage.request(model.served.resource) as metered:
                    reply = await self._infer(visit, model, version)
                    metered.answered = True
            visit.billable = metered.billable
            return reply
        except TimeoutError as error:
            limit = f"{model.spec.limits.timeout_seconds} s (spec.limits.timeoutSeconds)"
            if model.outage.awaited:
                raise Unavailable(f"Triton has not come back within {limit}", retry_after=RETRY_AFTER) from error
            raise DeadlineExceeded(f"no answer within {limit}") from error
        finally:
            in_flight.dec()

    def _find(self, visit: Visit) -> LiveModel:
        name = visit.match.params["model"]
        if visit.place.model not in (None, name):
            raise ModelNotFound(name)
        model = self.models.get(name)
        if visit.format.name not in model.apis:
            offered = ", ".join(api for api in model.apis if api in FORMATS)
            raise NotFound(f"model {name} is not published as {visit.format.name}; it is as {offered}")
        return model

    async def _infer(self, visit: Visit, model: LiveModel, version: int | None) -> Reply:
        await visit.read(model.spec.limits.body_bytes)
        meta = model.resolve(version)
        visit.version = str(meta.version)
        view = model.view(meta)
        await self._fetch(visit, view)
        if model.spec.execution.type == "Serverless":
            async with execution_limit(model.spec):
                reply = await self._execute(visit, model, meta, view)
        else:
            reply = await self._execute(visit, model, meta, view)
        if reply.flagged is not None:
            self.evaluation.offer(model.served, visit.version, visit.call.request_id, reply.flagged)
        return reply

    async def _execute(self, visit: Visit, model: LiveModel, meta: ModelMeta, view: Model) -> Reply:
        with _Timed(visit, "decode"):
            wanted = await _beside(_is_large(visit), lambda: visit.format.decode(visit.call, view))
        result = await self._travel(visit, model, meta, wanted)
        size = sum(array.nbytes for array in result.outputs.values())
        large = size >= (HEAVY_THREAD_FROM_BYTES if visit.format.heavy else THREAD_FROM_BYTES)
        with _Timed(visit, "encode"):
            return await _beside(large, lambda: visit.format.encode(result, wanted, visit.call, view))

    async def _fetch(self, visit: Visit, model: Model) -> None:
        """Fetch the pictures that the body names by URL, where the model's spec allows it."""
        allowed = model.spec.access.image_urls
        if allowed is None:
            return
        named = await _beside(_is_large(visit), lambda: visit.format.urls(visit.call, model))
        if named:
            with _Timed(visit, "fetch"):
                fetched = await self._images.fetch(named, allowed, model.spec.limits.body_bytes)
            visit.call = visit.call.with_fetched(fetched)

    async def _travel(self, visit: Visit, model: LiveModel, meta: ModelMeta, wanted: InferRequest) -> InferResult:
        queue = self._counters(visit).queue
        queue.inc()
        try:
            result = await model.coalescer.infer(meta, wanted, visit.key, visit.trip, visit.trace)
        finally:
            queue.dec()
            visit.seconds["queue"] = visit.trip.queue
            visit.seconds["triton"] = visit.trip.triton
        model.answered(meta.version)
        return result

    def _preflight(self, request: Request, path: str) -> Response:
        wanted = self._router.match(request.headers.get("access-control-request-method", "POST"), path)
        try:
            cors = self.models.get(wanted.params.get("model", "")).spec.access.cors
        except ModelNotFound:
            cors = None
        return preflight(request, cors)

    def _counters(self, visit: Visit) -> ModelMetrics:
        model = visit.named
        name, namespace = (model.name, model.namespace) if model is not None else ("", "")
        return self.metrics.of(name, namespace, visit.format.name, visit.version)

    def _count(self, visit: Visit, status: int, sent: int, error: GatewayError | None) -> None:
        visit.seconds["total"] = perf_counter() - visit.started
        counters = self._counters(visit)
        counters.finished(
            status,
            visit.seconds,
            received=visit.received,
            sent=sent,
            batch=visit.trip.batch,
            key=visit.key,
            billable=visit.billable,
            exemplar=self.metrics.exemplar(visit.trace_id, visit.call.request_id),
        )
        if error is not None:
            counters.failed(error.reason)
            expected = error.status < 500 or isinstance(error, StoppedBySchedule | QueueFull)
            level = logging.DEBUG if expected else logging.WARNING
            log.log(level, "%s: %s", error.reason, error.message, extra=visit.log_fields())


class _Timed:
    """Notes how long a stage took, if it came to its end."""

    __slots__ = ("_began", "_stage", "_visit")

    def __init__(self, visit: Visit, stage: str) -> None:
        self._visit, self._stage = visit, stage

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._visit.seconds[self._stage] = perf_counter() - self._began


def _is_large(visit: Visit) -> bool:
    """Tell whether reading the body is more than the event loop should do."""
    return visit.format.heavy or len(visit.call.body) >= THREAD_FROM_BYTES


async def _beside(large: bool, work: Callable[[], _Done]) -> _Done:
    """Do a format's work; large work beside the event loop, which others wait for."""
    return await asyncio.to_thread(work) if large else work()


def _rates(config: ServingConfig) -> dict[str, Rate]:
    found = {}
    for each in config.models.values():
        limit = each.resource.spec.access.rate_limit
        if limit is not None:
            burst = limit.burst or max(1.0, limit.requests_per_second)
            found[model_name(each.resource)] = Rate(limit.requests_per_second, burst)
    return found


def _version(params: Mapping[str, str], model: LiveModel) -> int | None:
    if "label" in params:
        return model.version_of(params["label"])
    version = params.get("version")
    if version is None:
        return None
    if not version.isascii() or not version.isdigit() or len(version) > 18:
        raise NotFound(f"path: expected a version number, got {version[:40]!r}")
    return int(version)
