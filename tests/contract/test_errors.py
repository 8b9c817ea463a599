"""Every error of every document, through the real public port over HTTP: its status and the shape of its body.

`CAUSES` bring an error about, `SHAPES` say what each document makes of its status. What is wrong in a body is held in
the recorded exchanges and, case by case, in `tests/unit/gateway/formats`.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pybase64
import pytest
from aiohttp import ClientSession
from PIL import Image

from modelport.api import KeyDigest, KeyDigests, ServedModel, parse_manifest
from modelport.gateway import errors
from modelport.gateway.app import Gateway
from modelport.gateway.config import GatewayOptions, ServingConfig
from modelport.gateway.formats import FORMATS
from modelport.gateway.formats.base import VersionState
from modelport.gateway.metrics import GatewayMetrics
from modelport.gateway.ports import build_public_handler
from modelport.gateway.tensors import DTYPES, InferRequest, InferResult, ModelMeta, TensorSpec

KEY = "mp_of_this_test"
CLASSES = {"labels": ["acorn", "squirrel"], "inputs": [{"name": "x", "kind": "Image", "image": {"layout": "NHWC"}}]}


def encoded(picture: Image.Image, kind: str = "PNG") -> str:
    file = io.BytesIO()
    picture.save(file, kind)
    return pybase64.b64encode_as_string(file.getvalue())


PICTURE = encoded(Image.new("RGB", (2, 2)))
CSV = pybase64.b64encode_as_string(b"x\n1\n")


@dataclass(frozen=True)
class Sample:
    """A model that the format fits, and a request that it takes."""

    path: str
    """With `{model}` for the name."""
    body: Any
    shape: tuple[int, ...]
    """Of the model's input x, in UINT8 for pictures and FP32 for the rest."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 2
    """Values that the model's output y has for a row."""

    @property
    def dtype(self) -> str:
        return "UINT8" if len(self.shape) == 4 else "FP32"


OF_PICTURES = ((-1, 2, 2, 3), {"io": {"task": "ImageClassification", **CLASSES}})
SAMPLES = {
    "tensorflow-serving": Sample("/v1/models/{model}:predict", {"instances": [[1.0]]}, (-1, 1)),
    "open-inference": Sample(
        "/v2/models/{model}/infer",
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}]},
        (-1, 1),
    ),
    "nnc": Sample(
        "/v1/dedicated/classifiers/{model}/inference",
        {"inputs": [{"name": "x", "type": "png", "data": PICTURE}]},
        *OF_PICTURES,
    ),
    "nexus": Sample("/{model}/predict", {"image_type": "base64", "data": PICTURE}, *OF_PICTURES),
    "azureml": Sample("/api/v1/service/{model}/score", [{"image_in_base64": PICTURE}], *OF_PICTURES),
    "prediction-one": Sample(
        "/v1/external/models/{model}/inference",
        {"inputs": [{"name": "pr", "type": "csv", "data": CSV}]},
        (-1, 1),
        {"io": {"task": "TabularRegression"}},
        outputs=1,
    ),
}


@dataclass
class FakeTriton:
    """Answers 0.5 everywhere, or fails as it is told."""

    sample: Sample
    failure: BaseException | None = None
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def versions(self) -> dict[str, tuple[VersionState, ...]]:
        return {"m": (VersionState(1, "READY"),)}

    async def meta(self, name: str, version: int, *, scalar_rows: bool) -> ModelMeta:
        x, y = TensorSpec("x", self.sample.dtype, self.sample.shape), TensorSpec("y", "FP32", (-1, self.sample.outputs))
        return ModelMeta(name, version, "", 1, {"x": x}, {"y": y})

    async def infer(self, meta: ModelMeta, request: InferRequest, trace: str | None = None) -> InferResult:
        self.entered.set()
        if self.gate:
            await self.gate.wait()
        if self.failure:
            raise self.failure
        rows = request.inputs["x"].shape[0]
        return InferResult({"y": np.full((rows, meta.outputs["y"].shape[1]), 0.5, DTYPES["FP32"])}, meta.version)


@dataclass
class Port:
    """A running gateway with the model m."""

    sample: Sample
    client: ClientSession
    gateway: Gateway
    triton: FakeTriton

    async def ask(
        self, *, path: str = "", body: bytes | None = None, key: str = KEY, method: str = "POST", **headers: str
    ) -> tuple[int, bytes]:
        data = json.dumps(self.sample.body).encode() if body is None else body
        named = {"Content-Type": "application/json"} | {n.replace("_", "-"): value for n, value in headers.items()}
        if key:
            named["x-api-key"] = key
        target = path or self.sample.path.replace("{model}", "m")
        response = await self.client.request(method, target, data=io.BytesIO(data), headers=named)
        return response.status, await response.read()


Start = Callable[..., Awaitable[Port]]


@pytest.fixture
async def start(listen: Callable[..., Any]) -> Start:
    async def start(api: str, **spec: Any) -> Port:
        sample = SAMPLES[api]
        triton = FakeTriton(sample)
        gateway = Gateway(GatewayOptions(config=Path()), GatewayMetrics(), triton)  # type: ignore[arg-type]
        blocks = {"model": {"format": "ONNX", "source": {"uri": "file:m"}}, "apis": [api], **sample.spec, **spec}
        head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "m"}}
        served = ServedModel(
            resource=parse_manifest({**head, "spec": blocks}, where="test"),
            labels=tuple(sample.spec.get("io", {}).get("labels", ())),
        )
        digest = KeyDigest(name="default", sha256=sha256(KEY.encode()).hexdigest())
        gateway.apply(ServingConfig(models={"m": served}, keys={"m": KeyDigests(keys=(digest,))}))
        await gateway.models.refresh()
        return Port(sample, await listen(build_public_handler(gateway)), gateway, triton)

    return start


Answer = tuple[int, bytes]


async def used_up(port: Port) -> Answer:
    await port.ask()
    return await port.ask()


async def beyond_the_queue(port: Port) -> Answer:
    port.triton.gate = asyncio.Event()
    first = asyncio.create_task(port.ask())
    await port.triton.entered.wait()
    answer = await port.ask()
    port.triton.gate.set()
    await first
    return answer


async def not_loaded(port: Port) -> Answer:
    model = port.gateway.models.get("m")
    model.versions, model.trouble = {}, "Triton does not have it"
    return await port.ask()


def failing(error: BaseException) -> Callable[[Port], Awaitable[Answer]]:
    async def ask(port: Port) -> Answer:
        port.triton.failure = error
        return await port.ask()

    return ask


Cause = tuple[int, dict[str, Any], Callable[[Port], Awaitable[Answer]]]
CAUSES: dict[str, Cause] = {
    "an empty body": (400, {}, lambda port: port.ask(body=b"")),
    "half a body": (400, {}, lambda port: port.ask(body=json.dumps(port.sample.body).encode()[:-3])),
    "a body that is no text": (400, {}, lambda port: port.ask(body=b"\xff\xfe\x00")),
    "a body that unfolds to nonsense": (400, {}, lambda port: port.ask(body=b"x", Content_Encoding="gzip")),
    "brackets without end": (400, {}, lambda port: port.ask(body=b"[" * 500_000)),
    "no key": (401, {}, lambda port: port.ask(key="")),
    "a wrong key": (401, {}, lambda port: port.ask(key="wrong")),
    "an unknown model": (404, {}, lambda port: port.ask(path=port.sample.path.replace("{model}", "none"))),
    "a wrong method": (405, {}, lambda port: port.ask(method="DELETE")),
    "a large body": (413, {"limits": {"bodyBytes": 1024}}, lambda port: port.ask(body=b" " * 1025)),
    "a small body that unfolds to a large one": (
        413,
        {"limits": {"bodyBytes": 1024}},
        lambda port: port.ask(body=gzip.compress(b" " * 1_000_000), Content_Encoding="gzip"),
    ),
    "an encoding that nobody reads": (415, {}, lambda port: port.ask(Content_Encoding="br")),
    "too many requests": (429, {"access": {"rateLimit": {"requestsPerSecond": 0.01, "burst": 1}}}, used_up),
    "a model that fails": (500, {}, failing(errors.InternalError("the model failed"))),
    "a bug": (500, {}, failing(ZeroDivisionError("/secret/path.py"))),
    "a Triton that speaks nonsense": (502, {}, failing(errors.BadUpstream("not the protocol"))),
    "a full queue": (503, {"limits": {"queueLength": 1}}, beyond_the_queue),
    "a model that is not loaded": (503, {}, not_loaded),
    "a Triton that is gone": (503, {}, failing(errors.Unavailable("gone", retry_after=2))),
    "a model that takes too long": (504, {}, failing(errors.DeadlineExceeded("the model did not answer in time"))),
}

WORDS = {401: "Unauthorized", 404: "NotFound", 413: "TooLarge", 429: "Unavailable", 503: "Unavailable", 504: "Timeout"}
NEXUS_WORDS = {401: "Unauthorized", 404: "NotFound"}
PREDICTION_ONE_STATUSES = {401: 400, 404: 400, 502: 500}


def word(status: int, words: Mapping[int, str]) -> str:
    return words.get(status, "BadRequest" if status < 500 else "InternalServerError")


def prediction_one(status: int) -> dict[str, Any]:
    if status < 500:
        return {"code": 4001000204, "error": "PREDA_EXTERNAL_BAD_REQUEST"}
    return {"code": 5001000201, "error": "PREDA_EXTERNAL_INTERNAL_SERVER_ERROR"}


SHAPES: Mapping[str, Callable[[int, str], Any]] = {
    "tensorflow-serving": lambda status, message: {"error": message},
    "open-inference": lambda status, message: {"error": message},
    "nnc": lambda status, message: {"error": word(status, WORDS), "message": message},
    "nexus": lambda status, message: {"error": word(status, NEXUS_WORDS), "message": message},
    "azureml": lambda status, message: {"error": {"code": word(status, WORDS), "message": message}},
    "prediction-one": lambda status, message: {**prediction_one(status), "message": message},
}


def message_of(body: Any) -> str:
    inner = body["error"] if isinstance(body["error"], dict) else body
    return str(inner["message"] if "message" in inner else inner["error"])


@pytest.mark.parametrize("api", SAMPLES)
@pytest.mark.parametrize("cause", CAUSES)
async def test_an_error_has_its_status_and_its_documents_shape(start: Start, api: str, cause: str) -> None:
    expected, spec, bring_about = CAUSES[cause]
    status, content = await bring_about(await start(api, **spec))

    body = json.loads(content)
    message = message_of(body)
    if api == "prediction-one":
        expected = PREDICTION_ONE_STATUSES.get(expected, expected)
    assert status == expected, body
    assert body == SHAPES[api](CAUSES[cause][0], message)
    assert len(message) > 3
    assert not [told for told in ("Traceback", "/secret", KEY) if told in message]


@pytest.mark.parametrize("api", SAMPLES)
async def test_what_is_right_is_answered(start: Start, api: str) -> None:
    assert (await (await start(api)).ask())[0] == 200


def test_every_format_and_every_cause_of_an_error_is_held() -> None:
    assert SAMPLES.keys() == SHAPES.keys() == FORMATS.keys()
    statuses = {each.status for each in errors.GatewayError.__subclasses__()}
    assert statuses - {expected for expected, *_ in CAUSES.values()} == {403, 499}, (
        "refused addresses, clients that left"
    )


NOISE = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)))
PICTURES = {
    "a truncated PNG": ("png", PICTURE[: len(PICTURE) // 2], "cannot be read"),
    "a truncated JPEG": ("jpg", encoded(Image.effect_noise((64, 64), 50), "JPEG")[:800], "cannot be read"),
    "a picture of another size": ("png", NOISE, "expected a picture of 2 x 2 pixels, got 64 x 64"),
    "a bomb": ("png", encoded(Image.new("1", (8_000, 8_000))), "8000 x 8000 pixels, more than 50000000"),
    "a picture of a type that nobody takes": ("png", encoded(Image.new("RGB", (2, 2)), "WEBP"), "WebP"),
    "text": ("png", pybase64.b64encode_as_string(b"Dear Sir or Madam"), "17 bytes of no known type"),
    "nothing": ("png", "", "an empty file"),
    "no base64": ("png", "~~~~", "not valid base64"),
}
"""Pictures that the model cannot take: the type that `nnc` declares, the data, and what the answer says."""
PLACES: Mapping[str, tuple[str, Callable[[str, str], Any]]] = {
    "nnc": ("inputs[0].data", lambda kind, data: {"inputs": [{"name": "x", "type": kind, "data": data}]}),
    "nexus": ("data", lambda _, data: {"image_type": "base64", "data": data}),
    "azureml": ("[0].image_in_base64", lambda _, data: [{"image_in_base64": data}]),
}


@pytest.mark.parametrize("api", PLACES)
@pytest.mark.parametrize(("kind", "data", "says"), PICTURES.values(), ids=PICTURES)
async def test_a_picture_that_is_none_is_told_by_its_place(
    start: Start, api: str, kind: str, data: str, says: str
) -> None:
    place, wrapped = PLACES[api]
    status, content = await (await start(api)).ask(body=json.dumps(wrapped(kind, data)).encode())

    message = message_of(json.loads(content))
    assert status == 400
    assert message.startswith(f"{place}: "), message
    assert says in message
