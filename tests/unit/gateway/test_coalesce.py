"""The coalescer, before a model that multiplies by two and that the test holds up as long as it likes.

We test these aspects: what is joined and what never is; that every answer is the one it would have been alone; bounds,
turns between keys, clients that leave, and calls that fail.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.gateway.coalesce import Coalescer, Trip
from modelport.gateway.errors import BadRequest, GatewayError, InternalError, QueueFull, Unavailable
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta, TensorSpec

X = TensorSpec("x", "FP32", (-1, -1))


def meta(**changes: object) -> ModelMeta:
    return ModelMeta(
        **{  # type: ignore[arg-type]
            "name": "double",
            "version": 1,
            "platform": "",
            "max_batch_size": 8,
            "inputs": {"x": X},
            "outputs": {"y": X},
            **changes,
        }
    )


def rows(*values: float, width: int = 1) -> InferRequest:
    return InferRequest({"x": np.repeat(np.array(values, np.float32)[:, None], width, axis=1)})


@dataclass
class Double:
    """Triton's part: y = 2x. It fails on negative values, and waits for `gate`."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[list[float]] = field(default_factory=list)
    failure: GatewayError | None = None

    async def __call__(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        x = request.inputs["x"]
        self.calls.append([float(row[0]) for row in x])
        await self.gate.wait()
        if self.failure:
            raise self.failure
        if (x < 0).any():
            raise InternalError("negative")
        return InferResult({"y": 2 * x}, meta.version)


async def ask(coalescer: Coalescer, request: InferRequest, key: str = "k", of: ModelMeta | None = None) -> list[float]:
    result = await coalescer.infer(of or meta(), request, key, Trip())
    return [float(row[0]) for row in result.outputs["y"]]


async def begin(*asked: asyncio.Task[list[float]]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in asked)


async def test_what_comes_during_a_call_travels_in_the_next() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    tasks = [asyncio.create_task(ask(coalescer, rows(1)))]
    await begin(*tasks)
    tasks += [asyncio.create_task(ask(coalescer, rows(n, n))) for n in (2, 3)]
    await begin(*tasks)
    triton.gate.set()

    assert await asyncio.gather(*tasks) == [[2], [4, 4], [6, 6]]
    assert triton.calls == [[1], [2, 2, 3, 3]]


async def test_a_call_carries_no_more_rows_than_the_model_takes() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    tasks = [asyncio.create_task(ask(coalescer, rows(*[n] * 3))) for n in range(1, 5)]
    await begin(*tasks)
    triton.gate.set()

    assert await asyncio.gather(*tasks) == [[2 * n] * 3 for n in range(1, 5)]
    assert all(len(call) <= 8 for call in triton.calls)


async def test_a_request_above_the_models_batch_goes_in_parts_and_comes_back_whole() -> None:
    triton = Double()
    triton.gate.set()

    assert await ask(Coalescer(triton, limit=1), rows(*range(20))) == [2 * n for n in range(20)]
    assert [len(call) for call in triton.calls] == [8, 8, 4]


async def test_where_requests_are_not_joined_each_travels_alone_and_whole() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    coalescer.joins = False
    tasks = [asyncio.create_task(ask(coalescer, rows(*values))) for values in ((1,), (2, 2), range(9))]
    await begin(*tasks)

    assert triton.calls == [[1], [2, 2], [*range(9)]]
    triton.gate.set()
    assert await asyncio.gather(*tasks) == [[2], [4, 4], [2 * n for n in range(9)]]


APART = {
    "another row shape": (rows(2, width=2), meta()),
    "another version": (rows(2), meta(version=2)),
    "parameters": (InferRequest({"x": np.full((1, 1), 2, np.float32)}, parameters={"priority": 1}), meta()),
    "another choice of outputs": (InferRequest({"x": np.full((1, 1), 2, np.float32)}, outputs=("y",)), meta()),
    "another dtype": (InferRequest({"x": np.full((1, 1), 2, np.float64)}), meta()),
    "a model without a batch dimension": (rows(2), meta(max_batch_size=0)),
    "a sequence model": (rows(2), meta(sequence=True)),
}


@pytest.mark.parametrize(("request_", "of"), APART.values(), ids=APART)
async def test_never_joined_with_a_plain_request(request_: InferRequest, of: ModelMeta) -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    first = asyncio.create_task(ask(coalescer, rows(1)))
    await begin(first)
    second = asyncio.create_task(ask(coalescer, rows(1)))
    other = asyncio.create_task(ask(coalescer, request_, of=of))
    await begin(first, second, other)
    triton.gate.set()

    assert await asyncio.gather(first, second, other) == [[2], [2], [4]]
    assert all(len(set(call)) == 1 for call in triton.calls)


async def test_only_the_bad_member_of_a_joint_call_fails() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    tasks = [asyncio.create_task(ask(coalescer, rows(n))) for n in (1, 2, -3, 4)]
    await begin(*tasks)
    triton.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [answers[0], answers[1], answers[3]] == [[2], [4], [8]]
    assert isinstance(answers[2], InternalError)


async def test_when_triton_is_gone_nobody_is_sent_again() -> None:
    triton = Double(failure=Unavailable("gone", retry_after=2))
    coalescer = Coalescer(triton, limit=100)
    tasks = [asyncio.create_task(ask(coalescer, rows(n))) for n in range(4)]
    await begin(*tasks)
    triton.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [getattr(answer, "retry_after", None) for answer in answers] == [2] * 4
    assert sum(map(len, triton.calls)) == 4


async def test_the_request_beyond_the_limit_is_refused_at_once() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=2)
    tasks = [asyncio.create_task(ask(coalescer, rows(n))) for n in (1, 2)]
    await begin(*tasks)
    with pytest.raises(QueueFull) as refused:
        await ask(coalescer, rows(3))
    triton.gate.set()

    assert refused.value.retry_after == 1
    assert await asyncio.gather(*tasks) == [[2], [4]]
    assert coalescer.length == 0


async def test_a_client_that_leaves_takes_its_request_along() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    tasks = [asyncio.create_task(ask(coalescer, rows(n))) for n in (1,)]
    await begin(*tasks)
    gone = asyncio.create_task(ask(coalescer, rows(2)))
    stays = asyncio.create_task(ask(coalescer, rows(3)))
    await begin(gone, stays)
    gone.cancel()
    await asyncio.sleep(0)
    triton.gate.set()

    assert await asyncio.gather(*tasks, stays) == [[2], [6]]
    assert triton.calls == [[1], [3]]
    assert coalescer.length == 0


async def test_keys_take_turns() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    one = meta(max_batch_size=1)
    tasks = [asyncio.create_task(ask(coalescer, rows(0), "busy", one))]
    await begin(*tasks)
    tasks += [asyncio.create_task(ask(coalescer, rows(n), "busy", one)) for n in (1, 2, 3)]
    tasks += [asyncio.create_task(ask(coalescer, rows(9), "rare", one))]
    await begin(*tasks)
    triton.gate.set()
    await asyncio.gather(*tasks)

    assert triton.calls.index([9.0]) <= 2


async def test_as_many_calls_at_once_as_the_model_has_instances() -> None:
    triton = Double()
    coalescer = Coalescer(triton, limit=100)
    two = meta(instances=2, max_batch_size=1)
    tasks = [asyncio.create_task(ask(coalescer, rows(n), "k", two)) for n in (1, 2, 3)]
    await begin(*tasks)

    assert triton.calls == [[1], [2]]
    triton.gate.set()
    assert await asyncio.gather(*tasks) == [[2], [4], [6]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 100), min_size=1, max_size=12), min_size=1, max_size=20), st.integers(0, 5))
def test_every_answer_is_the_one_it_would_have_been_alone(requests: list[list[int]], pause: int) -> None:
    async def run() -> list[object]:
        triton = Double()
        triton.gate.set()
        coalescer = Coalescer(triton, limit=1000)

        async def one(index: int, values: list[int]) -> object:
            for _ in range(index * pause % 7):
                await asyncio.sleep(0)
            return await ask(coalescer, rows(*values), key=str(index % 3))

        return await asyncio.gather(*(one(i, values) for i, values in enumerate(requests)), return_exceptions=True)

    for values, answer in zip(requests, asyncio.run(run()), strict=True):
        if min(values) < 0:
            assert isinstance(answer, InternalError)
        else:
            assert answer == [2 * value for value in values]


async def test_rows_that_disagree_between_inputs_travel_alone_for_triton_to_judge() -> None:
    class Judge(Double):
        async def __call__(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
            raise BadRequest("batch sizes differ")

    both = InferRequest({"x": np.zeros((1, 1), np.float32), "z": np.zeros((2, 1), np.float32)})
    with pytest.raises(BadRequest):
        await ask(Coalescer(Judge(), limit=9), both)


@pytest.mark.parametrize("parameters", [{}, {"priority": 1}], ids=["plain", "one that travels alone"])
async def test_a_request_without_rows_is_answered_without_triton_which_it_would_end(parameters: dict[str, int]) -> None:
    triton = Double()
    nothing = InferRequest({"x": np.empty((0, 3), np.float32)}, parameters=parameters)
    result = await Coalescer(triton, limit=9).infer(meta(), nothing, "k", Trip())
    assert (result.outputs["y"].shape, result.outputs["y"].dtype, result.version) == ((0, 0), np.float32, 1)
    assert triton.calls == []


async def test_no_rows_in_one_input_and_some_in_another_are_refused_without_triton() -> None:
    triton = Double()
    both = InferRequest({"x": np.zeros((0, 1), np.float32), "z": np.zeros((2, 1), np.float32)})
    with pytest.raises(BadRequest, match="every input has the same number of rows, got 0 and 2"):
        await Coalescer(triton, limit=9).infer(meta(), both, "k", Trip())
    assert triton.calls == []


async def test_a_model_that_does_not_batch_may_take_an_empty_tensor() -> None:
    triton = Double()
    triton.gate.set()
    assert await ask(Coalescer(triton, limit=9), InferRequest({"x": np.empty((0, 1))}), of=meta(max_batch_size=0)) == []
    assert triton.calls == [[]]
