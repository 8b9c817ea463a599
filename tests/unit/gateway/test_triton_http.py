"""Inferences by Triton's HTTP endpoint: exact for every dtype, and suspicious of what comes back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from modelport.gateway import triton
from modelport.gateway.codecs.raw import HEADER_LENGTH
from modelport.gateway.errors import BadRequest, BadUpstream, GatewayError, InternalError, ProcessDied, Unavailable
from modelport.gateway.http import Answer
from modelport.gateway.tensors import DTYPES, InferRequest, ModelMeta, TensorSpec
from modelport.gateway.triton import Triton
from modelport.gateway.triton_http import decode_answer, encode_request

NOBODY = "127.0.0.1:1"


def meta(dtype: str = "FP32", *, scalar_rows: bool = False) -> ModelMeta:
    shape = (-1,) if scalar_rows else (-1, 2)
    x, y = (TensorSpec(name, dtype, shape, scalar_rows=scalar_rows) for name in "xy")
    return ModelMeta("m", 3, "", 8, {"x": x}, {"y": y})


def echoed(body: bytes, length: int, **changes: Any) -> Answer:
    """Answer as Triton would whose model gives x back as y."""
    asked = json.loads(body[:length])
    outputs = [{**tensor, "name": "y"} for tensor in asked["inputs"]]
    document = json.dumps({"model_name": "m", "model_version": "3", "outputs": outputs, **changes}).encode()
    return Answer(200, {HEADER_LENGTH.lower(): str(len(document))}, document + body[length:])


def there_and_back(about: ModelMeta, request: InferRequest) -> Any:
    path, parts = encode_request(about, request)
    assert path == "/v2/models/m/versions/3/infer"
    return decode_answer(about, echoed(b"".join(parts), len(parts[0])))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_comes_back_as_it_went(dtype: str) -> None:
    values = [[b"", b"\x00\xff"], [b"long" * 99, b"x"]] if dtype == "BYTES" else [[0, 1], [1, 0]]
    array = np.array(values, DTYPES[dtype])
    result = there_and_back(meta(dtype), InferRequest({"x": array}))

    assert result.outputs["y"].dtype == DTYPES[dtype]
    assert result.outputs["y"].tolist() == array.tolist()
    assert result.version == 3


def test_scalar_rows_get_a_dimension_on_the_wire_and_lose_it_again() -> None:
    about = meta(scalar_rows=True)
    request = InferRequest({"x": np.arange(3, dtype=np.float32)})

    assert json.loads(bytes(encode_request(about, request)[1][0]))["inputs"][0]["shape"] == [3, 1]
    assert there_and_back(about, request).outputs["y"].shape == (3,)


def test_outputs_and_parameters_are_handed_on() -> None:
    request = InferRequest(
        {"x": np.zeros((1, 2), np.float32)},
        outputs=("y", "z"),
        parameters={"priority": 1, "sequence_start": True, "share": 0.5, "who": "me"},
        output_parameters={"z": {"classification": 2}},
        id="one",
    )
    document = json.loads(bytes(encode_request(meta(), request)[1][0]))

    assert document["id"] == "one"
    assert document["parameters"] == {**request.parameters, "binary_data_output": True}
    assert document["outputs"] == [
        {"name": "y", "parameters": {"binary_data": True}},
        {"name": "z", "parameters": {"binary_data": True, "classification": 2}},
    ]


Y = {"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}
BROKEN: dict[str, bytes] = {
    "no JSON": b"x",
    "no object": b"[]",
    "no outputs": b'{"model_version": "3"}',
    "no version": json.dumps({"outputs": [Y]}).encode() + bytes(8),
    "a tensor as JSON": json.dumps({"model_version": "3", "outputs": [{**Y, "parameters": {}}]}).encode(),
    "too few bytes": json.dumps({"model_version": "3", "outputs": [Y]}).encode() + bytes(7),
    "an unknown type": json.dumps({"model_version": "3", "outputs": [{**Y, "datatype": "FP8"}]}).encode() + bytes(8),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_contradicts_itself_is_tritons_fault(body: bytes) -> None:
    length = body.rfind(b"}") + 1 or len(body)
    with pytest.raises(BadUpstream):
        decode_answer(meta(), Answer(200, {HEADER_LENGTH.lower(): str(length)}, body))


Serve = Callable[..., Awaitable[Triton]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Run an HTTP endpoint that answers as told, with nobody behind the gRPC address."""
    ends: list[Callable[[], Awaitable[None]]] = []

    async def serve(status: int = 200, error: str = "") -> Triton:
        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            if status != 200:
                return web.json_response({"error": error}, status=status)
            found = echoed(body, int(request.headers[HEADER_LENGTH]))
            return web.Response(body=found.body, headers=dict(found.headers))

        runner = web.ServerRunner(web.Server(answer))  # type: ignore[arg-type]
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        asked = Triton(NOBODY, f"127.0.0.1:{runner.addresses[0][1]}")
        ends.extend((asked.close, runner.cleanup))
        return asked

    yield serve
    for end in ends:
        await end()


SMALL = InferRequest({"x": np.ones((1, 2), np.float32)})
FAILURES: dict[str, tuple[int, str, type[GatewayError], str]] = {
    "a bad argument": (400, "[request id: <id_unknown>] bad shape", BadRequest, "bad shape"),
    "unloaded meanwhile": (404, "Request for unknown model", Unavailable, "not ready"),
    "not ready": (503, "the model is not ready", Unavailable, "not ready"),
    "a dead Python backend": (500, "Stub process 'm_0_0' is not healthy.", ProcessDied, "not ready"),
    "a failure of the model": (500, "cannot open /srv/m/1/model.onnx", InternalError, "cannot open …"),
    "nothing said": (500, "", InternalError, "the model failed"),
}


async def test_an_inference_goes_by_http(serve: Serve) -> None:
    assert (await (await serve()).infer(meta(), SMALL)).outputs["y"].tolist() == [[1, 1]]


@pytest.mark.parametrize(("status", "said", "error", "says"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_told_for_what_it_is(
    serve: Serve, status: int, said: str, error: type[GatewayError], says: str
) -> None:
    with pytest.raises(error) as raised:
        await (await serve(status, said)).infer(meta(), SMALL)
    assert says in raised.value.message
    assert "/srv" not in raised.value.message


@pytest.mark.parametrize(("length", "error"), [(100, None), (2000, Unavailable)])
async def test_what_is_too_large_for_it_goes_by_grpc(
    length: int, error: type[GatewayError] | None, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton, "HTTP_BYTES", 1000)
    text = InferRequest({"x": np.array([[b"x" * length, b""]], DTYPES["BYTES"])})
    asked = await serve()
    with pytest.raises(error) if error else nullcontext():  # nobody is at the gRPC address
        await asked.infer(meta("BYTES"), text)


async def test_nobody_at_either_address_is_a_reason_to_come_again() -> None:
    nobody = Triton(NOBODY, NOBODY)
    with pytest.raises(Unavailable) as raised:
        await nobody.infer(meta(), SMALL)
    await nobody.close()
    assert raised.value.retry_after is not None
