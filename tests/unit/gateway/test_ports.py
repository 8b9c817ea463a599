"""The metrics port's addresses; the document, made once for the models that are loaded and again when they change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from modelport.api import PublishedModelSpec
from modelport.gateway import ports
from modelport.gateway.formats.base import Model
from modelport.gateway.http import Request
from modelport.gateway.tensors import ModelMeta, TensorSpec

SPEC = {"model": {"name": "half", "format": "ONNX", "source": {"uri": "file:half"}}}


@dataclass
class Live:
    """A loaded model, as far as the document asks for it."""

    version: int
    apis: tuple[str, ...] = ("open-inference",)

    def newest_first(self) -> list[Any]:
        return [SimpleNamespace(meta=None), SimpleNamespace(meta=self)]

    def view(self, _: Any) -> Model:
        tensor = {"x": TensorSpec("x", "FP32", (-1,))}
        meta = ModelMeta("half", self.version, "onnx", 8, tensor, tensor)
        return Model("half", PublishedModelSpec.model_validate(SPEC, strict=False), (), meta, (self.version,))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that the document was made."""
    entries: list[int] = []
    build = ports.build_openapi
    monkeypatch.setattr(ports, "build_openapi", lambda served, _: entries.append(len(served)) or build(served))
    return entries


def test_the_document_is_made_once_as_long_as_the_models_stay(built: list[int]) -> None:
    document = ports.Document(SimpleNamespace(models=[Live(1)]))
    assert "/v2/models/half/infer" in json.loads(document.read())["paths"]
    assert document.read() == document.read()
    assert built == [1]


def test_the_document_follows_the_models(built: list[int]) -> None:
    gateway = SimpleNamespace(models=[])
    document = ports.Document(gateway)
    assert "/v2/models/half/infer" not in json.loads(document.read())["paths"]
    gateway.models = [Live(1)]
    first = document.read()
    gateway.models = [Live(2)]
    assert document.read() != first
    assert built == [0, 1, 1]


class Exposition:
    """Answers with what it was asked for."""

    async def answer(self, accept: str | None) -> tuple[bytes, str]:
        return f"in {accept}\n".encode(), "text/plain; version=0.0.4"


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("GET", "/metrics", 200, b"in text/plain\n"),
        ("GET", "/metrics?collect=all", 200, b"in text/plain\n"),
        ("HEAD", "/healthz", 200, b"ok\n"),
        ("POST", "/metrics", 405, b""),
        ("GET", "/v1/models/half:predict", 404, b"/livez/triton\n"),
    ],
)
async def test_what_the_metrics_port_answers(method: str, target: str, status: int, body: bytes) -> None:
    handle = ports.build_metrics_handler(SimpleNamespace(models=[]), Exposition())
    response = await handle(Request(method, target, {"accept": "text/plain"}))
    assert response.status == status
    assert response.body.endswith(body)
    assert response.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)
