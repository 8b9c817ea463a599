"""Joins requests on their way to Triton: the call is the cost, and the way around it is fewer of them.

While a call is in flight, requests that may travel together queue in a *lane*; the next call carries them, up to the
model's `max_batch_size` rows. There is no timer and no added wait. A lane is one model version, one set of input names,
dtypes and row shapes, and one choice of outputs; what does not fit into a lane goes alone.

If a joint call fails its members are sent once more, alone, so that only the bad one fails. Keys take turns. A request
whose client has left is dropped when its turn comes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import numpy as np

from modelport.gateway.errors import BadRequest, DeadlineExceeded, GatewayError, QueueFull, Unavailable
from modelport.gateway.tensors import DTYPES, Array, InferRequest, InferResult, ModelMeta


class Infer(Protocol):
    """One call to Triton; `Triton.infer` is one."""

    async def __call__(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult: ...


@dataclass(slots=True)
class Trip:
    """What became of a request between decode and encode; seconds."""

    queue: float = 0.0
    triton: float = 0.0
    batch: int = 0
    """Rows of the call to Triton, noted by one of the requests it carried; 0 for the others, and without a batch."""


@dataclass(slots=True, eq=False)
class _Passenger:
    request: InferRequest
    rows: int
    trace: str | None
    arrived: float
    trip: Trip
    answer: asyncio.Future[InferResult]


@dataclass(slots=True)
class _Lane:
    meta: ModelMeta
    waiting: OrderedDict[Hashable, deque[_Passenger]] = field(default_factory=OrderedDict)
    """Passengers by key; the first key's turn is next."""
    calls: int = 0

    def board(self) -> list[_Passenger]:
        """Take the next call's passengers: one of each key in turn, while they fit."""
        boarded: list[_Passenger] = []
        room = self.meta.max_batch_size
        while self.waiting:
            key, queue = next(iter(self.waiting.items()))
            if boarded and queue[0].rows > room:
                break
            passenger = queue.popleft()
            if queue:
                self.waiting.move_to_end(key)
            else:
                del self.waiting[key]
            if not passenger.answer.done():
                boarded.append(passenger)
                room -= passenger.rows
            if room <= 0:
                break
        return boarded


class Coalescer:
    """The way to Triton for one model: bounded, fair between keys, joined where requests allow it."""

    def __init__(self, infer: Infer, *, limit: int) -> None:
        """`limit` is how many requests may wait or be in flight at once (`spec.limits.queueLength`)."""
        self._infer = infer
        self.limit = limit
        self.joins = True
        """Requests may travel together, and in parts (`spec.model.config.joinRequests`)."""
        self.length = 0
        """Requests inside, waiting or in flight."""
        self._lanes: dict[Hashable, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """As many requests wait as may."""
        return self.length >= self.limit

    def check_room(self) -> None:
        """Raise QueueFull where as many requests wait as may."""
        if self.full:
            raise QueueFull(f"{self.length} requests are waiting already: try again shortly", retry_after=1)

    async def infer(
        self, meta: ModelMeta, request: InferRequest, key: Hashable, trip: Trip, trace: str | None = None
    ) -> InferResult:
        """Answer a request and note in `trip` how it went. Cancelling the caller takes the request out of its queue.

        Raises QueueFull at once where too many wait already, and whatever GatewayError the call ends in.
        """
        self.check_room()
        if (empty := empty_answer(meta, request)) is not None:
            return empty
        self.length += 1
        try:
            rows = joinable_rows(meta, request) if self.joins else 0
            if rows == 0:
                return await self._alone(meta, request, trip, trace)
            if rows > meta.max_batch_size:
                return await self._in_parts(meta, request, rows, trip, trace)
            return await self._aboard(meta, request, rows, key, trip, trace)
        finally:
            self.length -= 1

    async def _alone(self, meta: ModelMeta, request: InferRequest, trip: Trip, trace: str | None) -> InferResult:
        started = perf_counter()
        try:
            return await self._infer(meta, request, trace)
        finally:
            trip.triton += perf_counter() - started

    async def _in_parts(
        self, meta: ModelMeta, request: InferRequest, rows: int, trip: Trip, trace: str | None
    ) -> InferResult:
        """A request of more rows than a call may carry, one part after the other: others get their turn between."""
        parts = []
        for start in range(0, rows, meta.max_batch_size):
            part = _slice(request, start, start + meta.max_batch_size)
            parts.append(await self._alone(meta, part, trip, trace))
        trip.batch = meta.max_batch_size
        outputs = {name: np.concatenate([part.outputs[name] for part in parts]) for name in parts[0].outputs}
        return InferResult(outputs, parts[0].version, parts[0].parameters)

    async def _aboard(
        self, meta: ModelMeta, request: InferRequest, rows: int, key: Hashable, trip: Trip, trace: str | None
    ) -> InferResult:
        signature = _signature(meta, request)
        lane = self._lanes.get(signature)
        if lane is None:
            lane = self._lanes[signature] = _Lane(meta)
        answer: asyncio.Future[InferResult] = asyncio.get_running_loop().create_future()
        passenger = _Passenger(request, rows, trace, perf_counter(), trip, answer)
        queue = lane.waiting.get(key)
        if queue is None:
            queue = lane.waiting[key] = deque()
        queue.append(passenger)
        if lane.calls < meta.instances:
            lane.calls += 1
            task = asyncio.create_task(self._run(signature, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _run(self, signature: Hashable, lane: _Lane) -> None:
        """Call Triton for a lane until nobody waits in it."""
        while passengers := lane.board():
            await self._carry(lane.meta, passengers)
        lane.calls -= 1
        if lane.calls == 0:
            self._lanes.pop(signature, None)

    async def _carry(self, meta: ModelMeta, passengers: Sequence[_Passenger]) -> None:
        started = perf_counter()
        rows = sum(passenger.rows for passenger in passengers)
        for passenger in passengers:
            passenger.trip.queue = started - passenger.arrived
        passengers[0].trip.batch = rows
        try:
            result = await self._infer(meta, _join(passengers), passengers[0].trace)
            shares = list(_shares(result, passengers))
        except (Unavailable, DeadlineExceeded) as error:
            _settle(passengers, [error] * len(passengers))
        except Exception as error:  # whatever it was, every passenger gets an answer
            if len(passengers) == 1:
                _settle(passengers, [error])
            else:
                alone = (self._infer(meta, passenger.request, passenger.trace) for passenger in passengers)
                _settle(passengers, await asyncio.gather(*alone, return_exceptions=True))
        else:
            _settle(passengers, shares)
        finally:
            elapsed = perf_counter() - started
            for passenger in passengers:
                passenger.trip.triton = elapsed


def joinable_rows(meta: ModelMeta, request: InferRequest) -> int:
    """How many rows a request brings into a joint call; 0 if it must travel alone."""
    if not meta.max_batch_size or meta.sequence or request.parameters or request.output_parameters:
        return 0
    rows = {array.shape[0] if array.ndim else 0 for array in request.inputs.values()}
    return rows.pop() if len(rows) == 1 else 0


def empty_answer(meta: ModelMeta, request: InferRequest) -> InferResult | None:
    """The answer to a request without rows, for a model that batches; None for every other request.

    Triton must not see one: with its Python backend it ends by signal 11, and every model with it.
    """
    rows = {array.shape[0] for array in request.inputs.values() if array.ndim}
    if not meta.max_batch_size or 0 not in rows:
        return None
    if rows != {0}:
        raise BadRequest(f"inputs: every input has the same number of rows, got {min(rows)} and {max(rows)}")
    wanted = meta.outputs if request.outputs is None else request.outputs
    outputs: dict[str, Array] = {}
    for name in wanted:
        output = meta.outputs[name]
        outputs[name] = np.empty((0, *(max(size, 0) for size in output.shape[1:])), DTYPES[output.dtype])
    return InferResult(outputs, meta.version)


def _signature(meta: ModelMeta, request: InferRequest) -> Hashable:
    return (
        meta.version,
        request.outputs,
        tuple((name, array.dtype.char, array.shape[1:]) for name, array in sorted(request.inputs.items())),
    )


def _join(passengers: Sequence[_Passenger]) -> InferRequest:
    first = passengers[0].request
    if len(passengers) == 1:
        return first
    inputs = {name: np.concatenate([p.request.inputs[name] for p in passengers]) for name in first.inputs}
    return InferRequest(inputs, first.outputs)


def _shares(result: InferResult, passengers: Sequence[_Passenger]) -> Iterator[InferResult]:
    """Each passenger's rows of a joint answer; an answer that cannot be shared out is none."""
    if len(passengers) == 1:
        yield result
        return
    rows = sum(passenger.rows for passenger in passengers)
    if any(array.ndim == 0 or array.shape[0] != rows for array in result.outputs.values()):
        raise ValueError("an output does not have the batch as its first dimension")
    start = 0
    for passenger in passengers:
        end = start + passenger.rows
        outputs: dict[str, Array] = {name: array[start:end] for name, array in result.outputs.items()}
        yield InferResult(outputs, result.version, result.parameters)
        start = end


def _slice(request: InferRequest, start: int, end: int) -> InferRequest:
    return InferRequest({name: array[start:end] for name, array in request.inputs.items()}, request.outputs)


def _settle(passengers: Sequence[_Passenger], answers: Sequence[InferResult | BaseException]) -> None:
    for passenger, answer in zip(passengers, answers, strict=True):
        if passenger.answer.done():
            continue
        if isinstance(answer, BaseException):
            passenger.answer.set_exception(_copy(answer))
        else:
            passenger.answer.set_result(answer)


def _copy(error: BaseException) -> BaseException:
    """One exception object each: a shared one would collect every passenger's traceback."""
    if isinstance(error, GatewayError):
        return type(error)(error.message, retry_after=error.retry_after).with_traceback(error.__traceback__)
    return error
