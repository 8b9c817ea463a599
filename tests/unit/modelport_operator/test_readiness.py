"""What gateways are asked, what counts as an answer, and that nobody who answers badly does harm."""

from __future__ import annotations

import asyncio
import json
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from modelport.api import ServedModel, parse_manifest
from modelport.gateway.app import Gateway
from modelport.gateway.config import GatewayOptions, ServingConfig
from modelport.gateway.formats.base import VersionState
from modelport.gateway.metrics import GatewayMetrics
from modelport.gateway.ports import detailed_readiness
from modelport.gateway.tensors import ModelMeta
from modelport_operator import readiness
from modelport_operator.readiness import Gateways, Readiness, Sink, Version, ask_gateway, parse_readiness
from modelport_operator.resources import Manifest
from modelport_operator.store import Key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Key("vision", "cups")
TOLD = {"ready": False, "state": "UNAVAILABLE", "reason": "Internal: no\n\nAt: model.py"}
FAILED = Readiness(ready=False, state="UNAVAILABLE", reason="Internal: no At: model.py")


def answer(*, ready: bool = False, model: Any = TOLD, **parts: Any) -> bytes:
    return json.dumps({"ready": ready, "models": {"cups": model}, **parts}).encode()


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        pytest.param(503, answer(), FAILED, id="a model that failed, on one line"),
        pytest.param(503, answer(more={"a": 1}, model=TOLD | {"more": 1}), FAILED, id="a newer gateway says more"),
        pytest.param(
            200,
            answer(
                ready=True,
                model={"ready": True, "state": "READY", "reason": ""}
                | {"versions": {"3": {"ready": True, "state": "READY", "reason": ""}}}
                | {"sink": {"ok": False, "reason": "denied", "message": "s3://sink/ answered 403", "since": "now"}},
                problems=["cups.json: no"],
            ),
            Readiness(
                ready=True,
                state="READY",
                reason="",
                versions={"3": Version(ready=True, state="READY", reason="")},
                sink=Sink(ok=False, reason="denied", message="s3://sink/ answered 403"),
                problems=("cups.json: no",),
            ),
            id="all that there is to tell",
        ),
        pytest.param(503, b'{"ready": false, "models": {"bowls": {}}}', None, id="half an answer"),
        pytest.param(503, answer().replace(b"cups", b"bowls"), None, id="another model's gateway"),
        pytest.param(200, answer(), None, id="ready by its status and not by its body"),
        pytest.param(503, answer(ready=True), None, id="ready by its body and not by its status"),
        pytest.param(404, answer(), None, id="no gateway at all"),
        pytest.param(503, answer(model=TOLD | {"ready": "no"}), None, id="another type"),
        pytest.param(503, answer(model=TOLD | {"sink": {"ok": False, "reason": "a b"}}), None, id="no word"),
        pytest.param(503, answer(model=TOLD | {"reason": "\ud800"}), None, id="no Unicode"),
        pytest.param(503, b"[" * 100_000, None, id="very deep"),
        pytest.param(200, b"", None, id="nothing"),
        pytest.param(200, b"\xff", None, id="not UTF-8"),
    ],
)
def test_an_answer_counts_if_it_is_a_gateways_own(status: int, body: bytes, told: Readiness | None) -> None:
    assert parse_readiness(status, body, "cups") == told


def test_a_long_reason_is_cut() -> None:
    told = parse_readiness(503, answer(model=TOLD | {"reason": "no " * 10_000}), "cups")
    assert told is not None
    assert told.reason.startswith("no no ")
    assert len(told.reason) == readiness.LONGEST_TEXT


@pytest.mark.parametrize(
    ("version", "failed"),
    [
        pytest.param(Version(ready=True, state="READY", reason=""), False, id="it answers"),
        pytest.param(Version(ready=False, state="LOADING", reason=""), False, id="it loads"),
        pytest.param(Version(ready=False, state="UNAVAILABLE", reason="unloaded"), False, id="it was unloaded"),
        pytest.param(
            Version(ready=False, state="UNAVAILABLE", reason="Internal: no"), True, id="it could not be loaded"
        ),
    ],
)
def test_a_version_that_failed_is_told_from_one_that_was_unloaded(version: Version, failed: bool) -> None:
    assert version.failed is failed


class TwoVersions:
    """A Triton that has loaded version 3, and not 4."""

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        return {"cups": (VersionState(3, "READY"), VersionState(4, "UNAVAILABLE", "Internal: no"))}

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        return ModelMeta(name, version, "", 8, {}, {})

    async def infer(self, *_: Any) -> None:
        """Nobody asks for anything."""


async def test_what_a_gateway_says_is_what_the_operator_reads() -> None:
    io = {"task": "ImageClassification", "inputs": [{"name": "image", "kind": "Image"}], "labels": ["cup", "bowl"]}
    spec = {
        "model": {"format": "ONNX", "source": {"uri": "s3://models/cups/"}},
        "io": io,
        "evaluation": {"sink": {"uri": "file:///nowhere/"}},
    }
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": "cups"},
        "spec": spec,
    }
    gateway = Gateway(GatewayOptions(config=Path()), GatewayMetrics(), TwoVersions())  # type: ignore[arg-type]
    served = ServedModel(resource=parse_manifest(manifest, where="cups"))
    gateway.apply(ServingConfig(models={"cups": served}, problems=("live.json: no",)))
    await gateway.models.refresh()
    told = parse_readiness(200, json.dumps(detailed_readiness(gateway)).encode(), "cups")
    gateway.evaluation.close(1)
    assert told is not None
    assert told.sink is not None
    assert (told.ready, told.state, told.reason) == (True, "UNAVAILABLE", "Internal: no")
    assert told.versions["3"] == Version(ready=True, state="READY", reason="")
    assert told.versions["4"] == Version(ready=False, state="UNAVAILABLE", reason="Internal: no")
    assert (told.sink.ok, told.sink.reason) == (False, "unusable")
    assert told.problems == ("live.json: no",)


def pod(address: str = "127.0.0.1", uid: str = "1", version: str = "7") -> Manifest:
    return {"metadata": {"uid": uid, "resourceVersion": version}, "status": {"podIP": address}}


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def gateway_that(handle: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve /readyz; give the port."""
    app = web.Application()
    app.router.add_get("/readyz", handle)
    async with TestServer(app, host=host) as server:
        assert server.port is not None
        yield server.port


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_pod_is_asked_at_its_address(address: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=503, body=answer())

    async with gateway_that(handle, host=address) as port:
        assert await ask_gateway(pod(address), "cups", port) == FAILED


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound("/elsewhere")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def packed(request: web.Request) -> web.Response:
    return web.Response(status=503, body=zlib.compress(answer()), headers={"Content-Encoding": "deflate"})


async def silent(request: web.Request) -> web.Response:
    await asyncio.sleep(10)
    return web.Response(status=503, body=answer())


@pytest.mark.parametrize("handle", [redirect, endless, packed, silent])
async def test_a_bad_answer_is_none_and_ends_soon(handle: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "TIMEOUT_SECONDS", 0.2)
    async with gateway_that(handle) as port, asyncio.timeout(2):
        assert await ask_gateway(pod(), "cups", port) is None


async def test_a_server_of_another_kind_is_none() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        assert await ask_gateway(pod(), "cups", server.sockets[0].getsockname()[1]) is None


@pytest.mark.parametrize("address", ["", "example.com", "127.0.0.1/../x", "127.0.0.1"])
async def test_nobody_is_none(address: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        assert await ask_gateway(pod(address), "cups", bound.getsockname()[1]) is None


class Scripted:
    """Answers in turn, the last one for ever."""

    def __init__(self, *answers: Readiness | None) -> None:
        self.left = list(answers)
        self.asked: list[str] = []

    async def __call__(self, pod: Manifest, model: str) -> Readiness | None:
        self.asked.append(pod["metadata"]["uid"])
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


WELL = Readiness(ready=True, state="READY", reason="")


async def test_who_does_not_answer_this_time_says_what_it_said_before() -> None:
    gateways = Gateways(Scripted(FAILED, None, WELL))
    told = [await gateways.consult(KEY, [pod()], "cups", NOW + timedelta(minutes=each)) for each in range(3)]
    assert told == [{"1": FAILED}, {"1": FAILED}, {"1": WELL}]


async def test_who_has_never_answered_says_nothing() -> None:
    assert await Gateways(Scripted(None)).consult(KEY, [pod()], "cups", NOW) == {}


async def test_a_pod_that_is_as_it_was_is_not_asked_again_at_once() -> None:
    gateways = Gateways(ask := Scripted(FAILED))
    for seconds, version in ((0, "7"), (1, "7"), (2, "8"), (6, "8"), (7, "8"), (8, "8")):
        assert await gateways.consult(KEY, [pod(version=version)], "cups", NOW + timedelta(seconds=seconds))
    assert len(ask.asked) == 3


async def test_only_what_is_asked_is_remembered() -> None:
    gateways = Gateways(ask := Scripted(FAILED, None))
    await gateways.consult(KEY, [pod(uid="1")], "cups", NOW)
    assert await gateways.consult(KEY, [pod(uid="2")], "cups", NOW) == {}
    assert await gateways.consult(KEY, [pod(uid="1")], "cups", NOW) == {}
    gateways.forget(KEY)
    assert ask.asked == ["1", "2", "1"]
