"""Triton's failures in the gateway's words, over a real gRPC connection to a server that fails as told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from modelport.gateway.errors import BadRequest, BadUpstream, GatewayError, InternalError, ProcessDied, Unavailable
from modelport.gateway.formats.base import VersionState
from modelport.gateway.tensors import InferRequest, ModelMeta, TensorSpec
from modelport.gateway.triton import Triton

X = TensorSpec("x", "FP32", (-1,))
META = ModelMeta("m", 1, "", 8, {"x": X}, {"y": X})
REQUEST = InferRequest({"x": np.zeros(1, np.float32)})
Code = grpc.StatusCode
Serve = Callable[..., Awaitable[Triton]]


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self, code: Code | None, details: str) -> None:
        self.code, self.details = code, details

    async def ModelInfer(  # noqa: N802
        self, request: service_pb2.ModelInferRequest, context: grpc.aio.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        if self.code is not None:
            await context.abort(self.code, self.details)
        return service_pb2.ModelInferResponse(model_name="m", model_version="1", outputs=[{"name": "y"}])

    async def RepositoryIndex(  # noqa: N802
        self, request: service_pb2.RepositoryIndexRequest, context: grpc.aio.ServicerContext
    ) -> service_pb2.RepositoryIndexResponse:
        answer = service_pb2.RepositoryIndexResponse()
        for name, version, state, reason in (
            ("m", "4", "LOADING", ""),
            ("m", "3", "READY", ""),
            ("broken", "1", "UNAVAILABLE", "it broke"),
            ("unloaded", "", "", ""),
        ):
            answer.models.add(name=name, version=version, state=state, reason=reason)
        return answer


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    ends: list[Callable[[], Awaitable[None]]] = []

    async def serve(code: Code | None = None, details: str = "") -> Triton:
        server = grpc.aio.server()
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(code, details), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        triton = Triton(f"127.0.0.1:{port}")
        ends.extend((triton.close, lambda: server.stop(None)))
        return triton

    yield serve
    for end in ends:
        await end()


FAILURES: dict[str, tuple[Code, str, type[GatewayError], str]] = {
    "a bad argument": (Code.INVALID_ARGUMENT, "[request id: <id_unknown>] bad shape", BadRequest, "bad shape"),
    "not loaded": (Code.UNAVAILABLE, "Request for unknown model: 'm' is not found", Unavailable, "not ready"),
    "unloaded meanwhile": (Code.NOT_FOUND, "Request for unknown model", Unavailable, "not ready"),
    "a dead Python backend": (Code.INTERNAL, "Stub process 'm_0_0' is not healthy.", ProcessDied, "not ready"),
    "an exception in a Python model": (
        Code.INTERNAL,
        "Failed to process … message: ValueError: too odd\n\nAt:\n  /srv/m/1/model.py(9): x",
        InternalError,
        "Failed to process … message: ValueError: too odd",
    ),
    "a path of the machine": (Code.INTERNAL, "cannot open /srv/models/m/1/model.onnx", InternalError, "cannot open …"),
    "nothing said": (Code.UNKNOWN, "", InternalError, "the model failed"),
}


@pytest.mark.parametrize(("code", "details", "error", "says"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_told_for_what_it_is(
    serve: Serve, code: Code, details: str, error: type[GatewayError], says: str
) -> None:
    with pytest.raises(error) as raised:
        await (await serve(code, details)).infer(META, REQUEST)

    assert says in raised.value.message
    assert "/srv" not in raised.value.message
    assert (raised.value.retry_after is not None) == issubclass(error, Unavailable)


async def test_nobody_listening_is_a_reason_to_come_again() -> None:
    triton = Triton("127.0.0.1:1")
    with pytest.raises(Unavailable) as raised:
        await triton.infer(META, REQUEST)
    await triton.close()

    assert raised.value.retry_after is not None


async def test_an_answer_that_breaks_the_protocol_is_tritons_fault(serve: Serve) -> None:
    with pytest.raises(BadUpstream):
        await (await serve()).infer(META, REQUEST)


async def test_versions_are_told_in_order_with_what_ails_them(serve: Serve) -> None:
    assert await (await serve()).versions() == {
        "m": (VersionState(3, "READY"), VersionState(4, "LOADING")),
        "broken": (VersionState(1, "UNAVAILABLE", "it broke"),),
        "unloaded": (),
    }
