"""Every language's snippet gets the answer that a plain HTTP call gets, by every API."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from modelport.client.formats.base import Answer
from modelport.client.formats.prediction_one import PredictionOne
from modelport.discovery import Operation, choose, declare, fill, pointers
from modelport.gateway.formats import FORMATS
from modelport.snippets.call import build_call
from modelport.snippets.language import Language, render
from modelport.snippets.languages import LANGUAGES

pytestmark = [
    pytest.mark.snippets,
    pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES),
]

FILE_ENDINGS = {"image/png": "png", "audio/wav": "wav", "text/csv": "csv"}


def first(operations: Any, api: str) -> Operation:
    """Return the first operation of an API, of whichever example has it."""
    model = next((each.model for each in operations if each.api == api), None)
    assert model, f"an example has the API {api}"
    return choose(operations, model, api)


@pytest.mark.parametrize("api", FORMATS)
def test_every_api(api: str, language: Language, gateway: Any, run_snippet: Callable[..., Any]) -> None:
    check(first(gateway.operations, api), None, language, gateway, run_snippet)


@pytest.mark.parametrize(
    ("model", "api"),
    [
        pytest.param("saved_model_half_plus_three", "tensorflow-serving", id="a model without a key"),
        pytest.param("echo", "open-inference", id="texts"),
        pytest.param("ripeness", "tensorflow-serving", id="rows of several inputs"),
        pytest.param("shapes", "tensorflow-serving", id="thousands of numbers"),
    ],
)
def test_other_models(model: str, api: str, language: Language, gateway: Any, run_snippet: Callable[..., Any]) -> None:
    check(choose(gateway.operations, model, api), None, language, gateway, run_snippet)


@pytest.mark.parametrize("api", ["nnc", "azureml", "nexus", "prediction-one"])
def test_a_file_of_the_users(
    api: str, language: Language, gateway: Any, run_snippet: Callable[..., Any], tmp_path: Path
) -> None:
    operation = first(gateway.operations, api)
    place = operation.file
    assert place, "the API takes files"
    file = tmp_path / f"mine.{FILE_ENDINGS[place.media_type]}"
    own = base64.b64decode(pointers.get(operation.example, place.pointer))
    file.write_bytes(gateway.picture if place.media_type == "image/png" else own)

    check(operation, file, language, gateway, run_snippet)


def test_a_refusal_is_told(language: Language, gateway: Any, run_snippet: Callable[..., Any]) -> None:
    operation = choose(gateway.operations, "half_plus_two", "tensorflow-serving")
    refusal = requests.post(operation.url, json=operation.example, headers={"x-api-key": "wrong"}, timeout=60)

    result = run_snippet(language.run, render(language, build_call(operation)), "wrong")

    assert result.returncode != 0
    assert refusal.json()["error"] in result.stderr
    assert result.stdout == ""


def check(
    operation: Operation, file: Path | None, language: Language, gateway: Any, run_snippet: Callable[..., Any]
) -> None:
    """Hold what a snippet prints against the answer to the same request."""
    key = gateway.keys.get(operation.model, "")
    body = fill(declare(operation, file.name), file.read_bytes()) if file else operation.example
    plain = requests.post(operation.url, json=body, headers={"x-api-key": key} if key else {}, timeout=60)
    assert plain.status_code == 200, plain.text

    result = run_snippet(language.run, render(language, build_call(operation, file and file.name)), key)

    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed == (CLIENT[operation.api](plain) if language.name == "python-client" else plain.json())


def tensors(answer: requests.Response) -> Mapping[str, Any]:
    """Return the outputs in the precision of the model: the client has them as binary tensors."""
    types = {"FP32": np.float32}
    return {
        each["name"]: np.array(each["data"], types.get(each["datatype"])).reshape(each["shape"]).tolist()
        for each in answer.json()["outputs"]
    }


CLIENT: Mapping[str, Callable[[requests.Response], Any]] = {
    "tensorflow-serving": lambda answer: answer.json()["predictions"],
    "open-inference": tensors,
    "nnc": lambda answer: {each["name"]: each["data"] for each in answer.json()["outputs"]},
    "azureml": lambda answer: answer.json(),
    "nexus": lambda answer: answer.json(),
    "prediction-one": lambda answer: [*PredictionOne("").decode(Answer(answer.content)).rows],
}
"""What the client makes of an answer, by API."""
