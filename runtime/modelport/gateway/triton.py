"""Triton: its calls, and its failures in the gateway's words.

Inferences take Triton's HTTP endpoint, where a call costs this process a third of one by grpc.aio, and a tenth with
large tensors. All else goes over one gRPC channel, and so do inferences that are too large for the other.

The only other importer of tritonclient is `triton_protobuf.py`, which builds and reads the messages.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from modelport.gateway.codecs.raw import HEADER_LENGTH
from modelport.gateway.errors import (
    RETRY_AFTER,
    BadRequest,
    BadUpstream,
    DeadlineExceeded,
    GatewayError,
    InternalError,
    ProcessDied,
    Unavailable,
)
from modelport.gateway.formats.base import ServerMeta, VersionState
from modelport.gateway.http import Answer, BadAnswer, Client
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta
from modelport.gateway.triton_http import decode_answer, decode_error
from modelport.gateway.triton_http import encode_request as encode_http
from modelport.gateway.triton_protobuf import as_json, decode_response, encode_request, parse_meta

_UNLIMITED = ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)
_RECONNECT = ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 250)

_BY_CODE: Mapping[grpc.StatusCode, type[GatewayError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: BadRequest,
    grpc.StatusCode.OUT_OF_RANGE: BadRequest,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.NOT_FOUND: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}
"""Everything else is the model's failure, InternalError."""

_BY_STATUS: Mapping[int, grpc.StatusCode] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""What Triton's HTTP endpoint makes of the codes."""

_BY_TEXT: tuple[tuple[re.Pattern[str], type[GatewayError]], ...] = (
    (re.compile(r"Stub process .* is not healthy"), ProcessDied),
    (re.compile(r"Failed to (?:get|send|receive).*(?:stub|message)"), Unavailable),
    (re.compile(r"unexpected (?:shape|datatype|inference input)|invalid (?:shape|argument)", re.I), BadRequest),
)
"""Where Triton's code says INTERNAL and its text knows better."""

HTTP_BYTES = 60 << 20
"""Of a request by HTTP: Triton refuses bodies from 64 MiB on there, unless it is told otherwise."""

_REQUEST_ID = re.compile(r"^\[request id: [^\]]*\] ")
_PATH = re.compile(r"(?<![\w/])/(?:[\w.+-]+/)+[\w.+-]+")

_Answer = TypeVar("_Answer")


class Triton:
    """A Triton server, over one gRPC channel that reconnects by itself, and beside it over HTTP."""

    def __init__(self, address: str, http: str | None = None) -> None:
        """Take HOST:PORT of the gRPC endpoint, and of the HTTP endpoint where there is one.

        Nothing is sent yet. Needs a running event loop.
        """
        host, _, port = (http or "").rpartition(":")
        self._http = Client(host.strip("[]"), int(port)) if http else None
        self._channel = grpc.aio.insecure_channel(address, options=[*_UNLIMITED, *_RECONNECT])
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self.losses = 0
        """Times that the connection was lost; `watch_connection` counts them."""

    async def watch_connection(self) -> None:
        """Count losses of the connection. Runs until it is cancelled.

        A Triton that is back before anyone has asked it anything is noticed by this alone.
        """
        while True:
            state = self._channel.get_state()
            await self._channel.wait_for_state_change(state)
            self.losses += state is grpc.ChannelConnectivity.READY

    async def close(self) -> None:
        """End the connections; calls in flight by gRPC are cancelled."""
        if self._http is not None:
            self._http.close()
        await self._channel.close()

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        """Run one request; `trace` is a W3C traceparent. Raises GatewayError; a deadline is the caller's to set."""
        trail = {"traceparent": trace} if trace else {}
        if self._http is not None:
            path, body = encode_http(meta, request)
            if sum(map(len, body)) <= HTTP_BYTES:
                headers = {HEADER_LENGTH: str(len(body[0])), **trail}
                with suppress(ConnectionRefusedError):  # it opens after gRPC
                    return decode_answer(meta, await _translated_http(self._http.post(path, headers, body)))
        message = encode_request(meta, request)
        call = self._stub.ModelInfer(message, metadata=tuple(trail.items()))
        return decode_response(meta, await _translated(call))

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        """Every version in the repository with its state, by model, versions ascending."""
        answer = await _translated(self._stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(), timeout=5))
        found: dict[str, list[VersionState]] = {}
        for model in answer.models:
            states = found.setdefault(model.name, [])
            if model.version:
                states.append(VersionState(int(model.version), model.state or "UNAVAILABLE", model.reason))
            elif model.reason:
                states.append(VersionState(0, model.state or "UNAVAILABLE", model.reason))
        return {name: tuple(sorted(states, key=lambda state: state.version)) for name, states in found.items()}

    async def load(self, name: str, config: str) -> None:
        """Load a model by a configuration, as JSON, that takes the place of its file's; may take minutes."""
        request = service_pb2.RepositoryModelLoadRequest(model_name=name)
        request.parameters["config"].string_param = config
        await _translated(self._stub.RepositoryModelLoad(request))

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        """What a loaded version takes and gives; see `triton_protobuf.parse_meta`."""
        which = {"name": name, "version": str(version)}
        metadata = await _translated(self._stub.ModelMetadata(service_pb2.ModelMetadataRequest(**which), timeout=5))
        config = await _translated(self._stub.ModelConfig(service_pb2.ModelConfigRequest(**which), timeout=5))
        return parse_meta(metadata, config.config, version, scalar_rows=scalar_rows)

    async def config(self, name: str, version: int) -> dict[str, Any]:
        """Triton's model configuration as its HTTP endpoint gives it."""
        request = service_pb2.ModelConfigRequest(name=name, version=str(version))
        return as_json((await _translated(self._stub.ModelConfig(request, timeout=5))).config)

    async def statistics(self, name: str, version: int | None) -> dict[str, Any]:
        """Triton's statistics of one version, or of all, as its HTTP endpoint gives them."""
        request = service_pb2.ModelStatisticsRequest(name=name, version="" if version is None else str(version))
        return as_json(await _translated(self._stub.ModelStatistics(request, timeout=5)))

    async def server(self) -> ServerMeta:
        """Triton's name, version and protocol extensions."""
        answer = await _translated(self._stub.ServerMetadata(service_pb2.ServerMetadataRequest(), timeout=5))
        return ServerMeta(answer.name, answer.version, tuple(answer.extensions))


async def _translated_http(call: Awaitable[Answer]) -> Answer:
    try:
        answer = await call
    except ConnectionRefusedError:
        raise
    except OSError as error:
        raise _error(grpc.StatusCode.UNAVAILABLE, str(error)) from error
    except BadAnswer as error:
        raise BadUpstream("Triton answered what is no HTTP") from error
    if answer.status != HTTPStatus.OK:
        raise _error(_BY_STATUS.get(answer.status, grpc.StatusCode.INTERNAL), decode_error(answer))
    return answer


async def _translated(call: Awaitable[_Answer]) -> _Answer:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _error(error.code(), error.details() or "") from error


def _error(code: grpc.StatusCode, details: str) -> GatewayError:
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = next((kind for pattern, kind in _BY_TEXT if pattern.search(details)), InternalError)
    if issubclass(kind, Unavailable):
        return kind("the model is not ready: try again shortly", retry_after=RETRY_AFTER)
    if kind is DeadlineExceeded:
        return DeadlineExceeded("the model did not answer in time")
    return kind(_sentence(details))


def _sentence(details: str) -> str:
    """Triton's first line, without its request id, the Python backend's traceback and paths of the machine."""
    text = details.split("\n\nAt:")[0].strip()
    text = _REQUEST_ID.sub("", text)
    text = text.splitlines()[-1 if text.startswith("Traceback") else 0] if text else "the model failed"
    return _PATH.sub("…", text)[:500]
