"""The public port over real HTTP, before a Triton that the test plays: order of checks, headers, bounds in time.

What the formats say is held in `tests/contract`; here it is that every request is answered, in the right order, with
the headers that every answer has.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession

from modelport.api import KeyDigest, KeyDigests, ServedModel, parse_manifest
from modelport.gateway.app import UNKNOWN_MODEL_BODY_BYTES, Gateway
from modelport.gateway.config import GatewayOptions, ServingConfig
from modelport.gateway.errors import GatewayError, InternalError, Unavailable
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import Call, Model, ServerMeta, VersionState
from modelport.gateway.metrics import GatewayMetrics
from modelport.gateway.ports import build_public_handler
from modelport.gateway.tensors import InferRequest, InferResult, ModelMeta, TensorSpec

KEY = "mp_secret"
PREDICT = "/v1/models/half/versions/1:predict"
BODY = b'{"instances": [1.0, 2.0, 5.0]}'


@dataclass
class FakeTriton:
    """y = x / 2 + 2, as slowly or as badly as a test wants."""

    failure: BaseException | None = None
    gate: asyncio.Event | None = None
    gone: bool = False
    traces: list[str | None] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        if self.gone:
            raise Unavailable("gone")
        return {name: (VersionState(1, "READY"),) for name in ("half", "open")}

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        x, y = (TensorSpec(tensor, "FP32", (-1,)) for tensor in "xy")
        return ModelMeta(name, version, "", 8, {"x": x}, {"y": y})

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        self.traces.append(trace)
        self.entered.set()
        if self.gate:
            await self.gate.wait()
        if self.failure:
            raise self.failure
        return InferResult({"y": request.inputs["x"] / 2 + 2}, meta.version)

    async def server(self) -> ServerMeta:
        return ServerMeta("triton", "2", ())


def served(name: str, **spec: Any) -> ServedModel:
    manifest = {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": name},
        "spec": {"model": {"format": "ONNX", "source": {"uri": "file:m"}}, **spec},
    }
    return ServedModel(resource=parse_manifest(manifest, where="test"), digest="sha256:" + "0" * 64)


@dataclass
class Port:
    """A running gateway."""

    client: ClientSession
    gateway: Gateway
    triton: FakeTriton

    async def post(self, path: str = PREDICT, body: bytes = BODY, **headers: str) -> tuple[int, str, Mapping[str, str]]:
        named = {name.replace("_", "-"): value for name, value in {"x_api_key": KEY, **headers}.items() if value}
        response = await self.client.post(path, data=BytesIO(body), headers=named)
        return response.status, await response.text(), response.headers

    def count(self, name: str, **labels: str) -> float:
        body, _ = self.gateway.metrics.render(None)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.split()[-1])
            for line in body.decode().splitlines()
            if line.startswith(name + "{") and all(each in line for each in wanted)
        )


Start = Callable[..., Any]


@pytest.fixture
async def start(listen: Callable[..., Any]) -> Start:
    async def start(**spec: Any) -> Port:
        triton = FakeTriton()
        gateway = Gateway(GatewayOptions(config=Path()), GatewayMetrics(), triton)  # type: ignore[arg-type]
        digest = KeyDigest(name="default", sha256=sha256(KEY.encode()).hexdigest())
        models = {"half": served("half", **spec), "open": served("open", access={"anonymous": True})}
        gateway.apply(ServingConfig(models=models, keys={"half": KeyDigests(keys=(digest,))}))
        await gateway.models.refresh()
        return Port(await listen(build_public_handler(gateway), refuse=gateway.crowd.refuse), gateway, triton)

    return start


async def test_an_answer_has_the_headers_that_every_answer_has(start: Start) -> None:
    port = await start()
    status, text, headers = await port.post(X_Request_Id="abc:1")

    assert (status, text) == (200, '{\n    "predictions": [2.5, 3.0, 4.5]\n}')
    assert headers["X-Request-Id"] == "abc:1"
    assert headers["X-Model-Version"] == "1"
    assert headers["X-Model-Digest"] == "sha256:" + "0" * 64
    assert headers["Server"] == "modelport"


@pytest.mark.parametrize("given", ["", "ä", "a b", "x" * 129, "<script>"])
async def test_a_request_id_that_is_none_is_replaced(start: Start, given: str) -> None:
    headers = (await (await start()).post(X_Request_Id=given))[2]

    assert headers["X-Request-Id"].isalnum()
    assert len(headers["X-Request-Id"]) == 16


async def test_a_trace_is_handed_to_triton_and_nonsense_is_not(start: Start) -> None:
    port = await start()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    await port.post(traceparent=trace)
    await port.post(traceparent="nonsense")

    assert port.triton.traces == [trace, None]


ORDER = {
    "a path that does not exist comes before everything": ("/v1/models/half:divine", b"{", "", 404, "no such address"),
    "a model that does not exist before the key": ("/v1/models/none:predict", BODY, "", 404, "Latest(none)"),
    "bad JSON before a model that does not exist": ("/v1/models/none:predict", b"{", "", 400, ""),
    "a body too large to be looked at does not hide the unknown model": (
        "/v1/models/none:predict",
        b"{" * (UNKNOWN_MODEL_BODY_BYTES + 1),
        "",
        404,
        "Latest(none)",
    ),
    "a line break in the path": ("/v1/models/ha%0Alf:predict", BODY, "", 404, "Latest(ha"),
    "a label that does not exist before the key": ("/v1/models/half/labels/x:predict", BODY, "", 400, "label: x"),
    "the key before the body": (PREDICT, b"{", "", 401, "a key is needed"),
    "a wrong key": (PREDICT, BODY, "wrong", 401, "not valid"),
    "the body last": (PREDICT, b"{", KEY, 400, ""),
    "a version that does not exist": ("/v1/models/half/versions/9:predict", BODY, KEY, 404, "Specific(half, 9)"),
    "a version that is no number": ("/v1/models/half/versions/x:predict", BODY, KEY, 404, "a version number"),
}


@pytest.mark.parametrize(("path", "body", "key", "status", "says"), ORDER.values(), ids=ORDER)
async def test_checks_come_in_order(start: Start, path: str, body: bytes, key: str, status: int, says: str) -> None:
    port = await start()
    got, text, headers = await port.post(path, body, x_api_key=key)

    assert (got, says in text) == (status, True), text
    assert text.startswith('{ "error": "')
    assert ("WWW-Authenticate" in headers) == (status == 401)
    assert KEY not in text
    assert not port.triton.traces


async def test_a_wrong_method_is_told_the_right_one(start: Start) -> None:
    port = await start()
    response = await port.client.delete(PREDICT)

    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert response.content_type == "application/json"


async def test_an_anonymous_model_asks_for_no_key(start: Start) -> None:
    assert (await (await start()).post("/v1/models/open:predict", x_api_key=""))[0] == 200


async def test_an_api_that_the_model_is_not_published_as_is_not_there(start: Start) -> None:
    port = await start(apis=["open-inference"])
    status, text, _ = await port.post()

    assert (status, "not published as tensorflow-serving" in text) == (404, True)


async def test_above_the_rate_limit_a_key_has_to_wait(start: Start) -> None:
    port = await start(access={"rateLimit": {"requestsPerSecond": 0.5, "burst": 2}})
    answers = [await port.post() for _ in range(3)]

    assert [status for status, *_ in answers] == [200, 200, 429]
    assert 1 <= int(answers[2][2]["Retry-After"]) <= 2


async def test_a_body_above_the_models_limit_is_refused(start: Start) -> None:
    port = await start(limits={"bodyBytes": 1024})
    status, text, _ = await port.post(body=b" " * 1025 + BODY)

    assert (status, "spec.limits.bodyBytes" in text) == (413, True)


async def test_a_model_that_takes_too_long_ends_in_its_deadline(start: Start) -> None:
    port = await start(limits={"timeoutSeconds": 1})
    port.triton.gate = asyncio.Event()
    status, text, _ = await port.post()

    assert (status, "spec.limits.timeoutSeconds" in text) == (504, True)
    assert port.gateway.models.get("half").coalescer.length == 0


SERVERLESS = {"type": "Serverless", "serverless": {"requestQuota": 2, "timeoutSeconds": 1}}


async def test_a_used_up_quota_is_told_without_a_time_to_come_again(start: Start) -> None:
    port = await start(execution=SERVERLESS)
    answers = [await port.post(), await port.post(body=b"{"), await port.post(), await port.post()]

    assert [status for status, *_ in answers] == [200, 400, 200, 429]
    assert "spec.execution.serverless.requestQuota" in answers[3][1]
    assert "Retry-After" not in answers[3][2]
    assert port.count("modelport_errors_total", model="half", reason="quota_used_up") == 1
    assert port.count("modelport_billable_requests_total", model="half") == 0, "the first 500 are free"


async def test_what_is_in_flight_counts_against_the_quota(start: Start) -> None:
    port = await start(execution=SERVERLESS)
    await port.post()
    port.triton.gate, port.triton.entered = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(port.post())
    await port.triton.entered.wait()
    late = await port.post()
    port.triton.gate.set()

    assert (late[0], (await first)[0]) == (429, 200)


async def test_a_serverless_execution_ends_in_its_own_deadline_and_is_not_counted(start: Start) -> None:
    port = await start(execution=SERVERLESS)
    port.triton.gate = asyncio.Event()
    status, text, _ = await port.post()
    port.triton.gate.set()

    assert (status, "spec.execution.serverless.timeoutSeconds" in text) == (504, True)
    assert [(await port.post())[0] for _ in range(3)] == [200, 200, 429]


async def test_the_request_beyond_the_queue_is_sent_away_at_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    port = await start(limits={"queueLength": 1})
    port.triton.gate = asyncio.Event()
    first = asyncio.create_task(port.post())
    await port.triton.entered.wait()
    status, text, headers = await port.post()
    again = [await port.post(), await port.post(x_api_key="wrong", X_Request_Id="abc")]
    port.triton.gate.set()

    assert (status, headers["Retry-After"]) == (503, "1")
    assert [(each[0], each[1], each[2]["Retry-After"]) for each in again] == 2 * [(503, text, "1")]
    assert again[1][2]["X-Request-Id"] == "abc"
    assert len({headers["X-Request-Id"], again[0][2]["X-Request-Id"]}) == 2
    assert port.count("modelport_errors_total", model="half", reason="queue_full") == 3
    assert port.count("modelport_requests_total", model="half", code="5xx") == 3
    assert (await first)[0] == 200
    assert (await port.post())[0] == 200, "there is room again"
    assert (await port.post(x_api_key="wrong"))[0] == 401
    assert "Connection" not in headers
    assert not [each for each in caplog.records if each.levelname == "WARNING"], "the metric tells it"


async def test_whether_requests_are_joined_follows_the_resource(start: Start) -> None:
    port = await start(model={"format": "ONNX", "source": {"uri": "file:m"}, "config": {"joinRequests": False}})
    models = port.gateway.models
    assert (models.get("half").coalescer.joins, models.get("open").coalescer.joins) == (False, True)
    port.gateway.apply(ServingConfig(models={"half": served("half")}))
    assert models.get("half").coalescer.joins


FAILURES: dict[str, tuple[BaseException, int, str]] = {
    "Triton is gone": (Unavailable("gone", retry_after=2), 503, "gone"),
    "the model fails": (InternalError("it broke"), 500, "it broke"),
    "a bug": (ZeroDivisionError("/secret/path.py"), 500, "internal error"),
}


@pytest.mark.parametrize(("failure", "status", "says"), FAILURES.values(), ids=FAILURES)
async def test_every_failure_is_an_answer(start: Start, failure: GatewayError, status: int, says: str) -> None:
    port = await start()
    port.triton.failure = failure
    got, text, headers = await port.post()

    assert (got, says in text, "/secret" in text) == (status, True, False)
    assert ("Retry-After" in headers) == (status == 503)
    assert port.count("modelport_errors_total", model="half", reason=getattr(failure, "reason", "internal")) == 1


async def test_a_browser_beyond_the_queue_is_told_so_under_its_own_origin(start: Start) -> None:
    port = await start(limits={"queueLength": 1}, access={"cors": {"allowOrigins": ["https://a.example.com"]}})
    port.triton.gate = asyncio.Event()
    first = asyncio.create_task(port.post())
    await port.triton.entered.wait()
    answers = [await port.post(), await port.post(Origin="https://a.example.com")]
    port.triton.gate.set()

    assert [status for status, *_ in answers] == [503, 503]
    assert answers[1][2]["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert (await first)[0] == 200


async def test_who_cannot_be_answered_here_is_asked_to_connect_anew(start: Start) -> None:
    port = await start()
    port.triton.failure = Unavailable("gone", retry_after=2)

    assert (await port.post())[2]["Connection"] == "close"


async def test_while_triton_is_away_a_request_waits_no_longer_than_its_own_limit(start: Start) -> None:
    port = await start(limits={"timeoutSeconds": 1})
    port.triton.gone = True
    await port.gateway.models.refresh()
    status, text, headers = await port.post()

    assert (status, "spec.limits.timeoutSeconds" in text) == (503, True)
    assert (headers["Retry-After"], headers["Connection"]) == ("2", "close")


async def test_while_it_drains_it_is_not_ready_and_still_answers(start: Start) -> None:
    port = await start()
    port.gateway.draining = True
    status, *_ = await port.post()

    assert status == 200
    assert (await port.client.get("/readyz")).status == 503
    assert (await port.client.get("/healthz")).status == 200


async def test_a_client_that_leaves_is_counted_and_its_request_dropped(start: Start) -> None:
    port = await start()
    port.triton.gate = asyncio.Event()
    asked = asyncio.create_task(port.post())
    await port.triton.entered.wait()
    asked.cancel()
    for _ in range(200):
        if port.count("modelport_errors_total", reason="client_gone"):
            break
        await asyncio.sleep(0.01)

    assert port.count("modelport_errors_total", reason="client_gone") == 1
    assert port.gateway.models.get("half").coalescer.length == 0


async def test_what_was_asked_is_counted_by_model_key_and_class(start: Start) -> None:
    port = await start()
    await port.post()
    await port.post(body=b"{")
    await port.post("/v1/models/none:predict")
    labels = {"model": "half", "namespace": "default", "api": "tensorflow-serving", "version": "1"}

    assert port.count("modelport_requests_total", code="2xx", **labels) == 1
    assert port.count("modelport_requests_total", code="4xx", model="half") == 1
    assert port.count("modelport_requests_total", code="4xx", model="") == 1
    assert port.count("modelport_key_requests_total", key="default") == 2
    assert port.count("modelport_billable_requests_total", model="half") == 1
    assert port.count("modelport_batch_size_sum", model="half") == 3
    assert port.count("modelport_request_duration_seconds_count", stage="triton", **labels) == 1


async def test_a_published_host_speaks_of_its_model_alone(start: Start) -> None:
    port = await start(access={"ingress": {"host": "half.example.com", "path": "/vision/half"}})
    below = f"/vision/half{PREDICT}"

    assert (await port.post(below, Host="half.example.com"))[0] == 200
    assert (await port.post("/vision/half/v1/models/open:predict", Host="half.example.com"))[0] == 404
    assert (await port.post(below))[0] == 404
    assert (await port.post())[0] == 200


async def test_the_document_below_a_path_names_it_as_its_server(start: Start) -> None:
    port = await start(access={"ingress": {"host": "half.example.com", "path": "/vision/half"}})
    below = await port.client.get("/vision/half/openapi.json", headers={"Host": "half.example.com"})
    document = await below.json()
    whole = await (await port.client.get("/openapi.json")).json()
    assert document["servers"] == [{"url": "/vision/half"}]
    assert "servers" not in whole
    told = [{tag["name"] for tag in each["tags"]} & {"half", "open"} for each in (document, whole)]
    assert told == [{"half"}, {"half", "open"}]
    assert (await port.client.get("/elsewhere/openapi.json")).status == 404


async def test_only_the_origins_of_the_spec_may_read_the_answer(start: Start) -> None:
    port = await start(access={"cors": {"allowOrigins": ["https://app.example.com"]}})
    asked = {"Access-Control-Request-Method": "POST", "Origin": "https://app.example.com"}
    allowed = await port.client.options(PREDICT, headers=asked)
    refused = await port.client.options(PREDICT, headers={**asked, "Origin": "https://evil.example.com"})

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert (await port.post(Origin="https://app.example.com"))[2]["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in (await port.post(Origin="https://evil.example.com"))[2]


@pytest.mark.parametrize(
    ("access", "status", "says"),
    [
        ({"anonymous": True}, 200, "predictions"),
        ({"anonymous": True, "imageUrls": {"allow": ["a.example.com"]}}, 400, "x: 127.0.0.1: hosts are named"),
    ],
    ids=["not allowed, so not looked for", "allowed, so fetched before the body is decoded"],
)
async def test_urls_are_fetched_where_the_spec_allows_it(
    start: Start, monkeypatch: pytest.MonkeyPatch, access: Mapping[str, Any], status: int, says: str
) -> None:
    monkeypatch.setattr(FORMATS["tensorflow-serving"], "urls", lambda call, model: (("x", "http://127.0.0.1/?secret"),))
    port = await start(access=access)
    got, text, _ = await port.post()

    assert (got, says in text, "secret" in text) == (status, True, False)
    assert len(port.triton.traces) == (status == 200)


async def test_the_time_of_a_fetch_is_a_stage_of_its_own(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetched(*_: Any) -> dict[str, bytes]:
        return {"x": b"a picture"}

    port = await start(access={"imageUrls": {"allow": ["a.example.com"]}})
    monkeypatch.setattr(port.gateway, "_images", SimpleNamespace(fetch=fetched))
    counts = []
    for urls in ((), (("x", "http://a.example.com/"),)):
        monkeypatch.setattr(FORMATS["tensorflow-serving"], "urls", lambda call, model, urls=urls: urls)
        assert (await port.post())[0] == 200
        counts.append(port.count("modelport_request_duration_seconds_count", stage="fetch"))
    assert counts == [0, 1]


@pytest.mark.parametrize("heavy", [False, True], ids=["light", "heavy"])
async def test_a_heavy_formats_work_is_done_beside_the_event_loop(
    start: Start, monkeypatch: pytest.MonkeyPatch, heavy: bool
) -> None:
    form, threads = FORMATS["tensorflow-serving"], []
    decode = form.decode

    def noting(call: Call, model: Model) -> InferRequest:
        threads.append(threading.current_thread())
        return decode(call, model)

    monkeypatch.setattr(form, "heavy", heavy)
    monkeypatch.setattr(form, "decode", noting)
    assert (await (await start()).post())[0] == 200
    assert [thread is not threading.main_thread() for thread in threads] == [heavy]


async def test_a_large_answer_is_compressed_for_who_accepts_it(start: Start) -> None:
    port = await start()
    body = b'{"instances": [' + b", ".join([b"0.123"] * 3000) + b"]}"
    plain = (await port.post(body=body, Accept_Encoding="identity"))[2]
    packed = (await port.post(body=body, Accept_Encoding="gzip"))[2]

    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"


async def test_a_revoked_key_stops_working_with_the_next_configuration(start: Start) -> None:
    port = await start()
    revoked = KeyDigest(name="default", sha256=sha256(KEY.encode()).hexdigest(), revoked=datetime.now(UTC))
    assert (await port.post())[0] == 200
    port.gateway.apply(ServingConfig(models={"half": served("half")}, keys={"half": KeyDigests(keys=(revoked,))}))
    status, text, _ = await port.post()

    assert (status, "revoked" in text) == (401, True)


async def test_health_is_told_for_each_model(start: Start) -> None:
    port = await start()
    response = await port.client.get("/readyz")

    assert response.status == 200
    assert (await response.json())["models"]["half"] == {"ready": True, "state": "READY", "reason": ""}


STOPPED = {
    "schedule": {
        "windows": [{"start": "00:00", "end": "24:00"}],
        "override": {"until": "9000-01-01T00:00:00Z", "state": "Stopped"},
    }
}
IN_WORDS = "model half is stopped by its schedule until 9000-01-01T00:00:00Z"
CLOSED = {
    "tensorflow-serving": ("/v1/models/half:predict", {"error": IN_WORDS}),
    "open-inference": ("/v2/models/half/infer", {"error": IN_WORDS}),
    "nnc": ("/v1/dedicated/classifiers/half/inference", {"error": "Unavailable", "message": IN_WORDS}),
}


@pytest.mark.parametrize(("path", "expected"), CLOSED.values(), ids=CLOSED)
async def test_a_closed_model_is_refused_in_the_formats_own_shape(
    start: Start, path: str, expected: dict[str, str]
) -> None:
    port = await start(execution=STOPPED)
    status, text, headers = await port.post(path, b"{")

    assert (status, json.loads(text)) == (503, expected)
    assert int(headers["Retry-After"]) > 10**9
    assert not port.triton.traces
    assert port.count("modelport_errors_total", reason="stopped_by_schedule") == 1
    assert port.gateway.ready
    assert not port.gateway.models.get("half").ready


async def test_a_closed_model_asks_for_the_key_first_and_the_rate_after(start: Start) -> None:
    port = await start(execution=STOPPED, access={"rateLimit": {"requestsPerSecond": 1, "burst": 1}})
    assert (await port.post(x_api_key="wrong"))[0] == 401
    assert [(await port.post())[0] for _ in range(3)] == [503, 503, 503]


async def test_a_closed_model_says_that_it_is_not_ready(start: Start) -> None:
    port = await start(execution=STOPPED)
    for path in ("/v2/models/half/ready", "/v2/models/half/versions/1/ready"):
        assert (await port.client.get(path, headers={"x-api-key": KEY})).status != 200
    assert (await port.client.get("/v2/models/half", headers={"x-api-key": KEY})).status == 503
    body = await (await port.client.get("/readyz")).json()
    assert body["models"]["half"] == {"ready": False, "state": "UNAVAILABLE", "reason": "StoppedBySchedule"}
