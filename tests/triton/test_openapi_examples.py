"""Every example of `/openapi.json` is answered, by each sample model in each of its APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import requests

from modelport.api import apis_of, model_name, parse_yaml
from modelport.discovery import Operation, fetch_operations
from modelport.gateway.formats import FORMATS


@pytest.fixture(scope="module")
def operations(served) -> Sequence[Operation]:
    return asyncio.run(fetch_operations(served.url))


def test_every_model_has_an_example_in_each_of_its_apis(served, operations):
    expected = set()
    for file in served.manifests.glob("*.yaml"):
        (resource,) = parse_yaml(file.read_text("utf-8"), file.name)
        expected |= {(model_name(resource), api) for api in apis_of(resource.spec) if api in FORMATS}
    assert {(each.model, each.api) for each in operations} == expected
    assert {each.model for each in operations if each.key_needed} == served.keys.keys()


def test_every_example_is_answered(served, operations):
    refused = {}
    for each in operations:
        headers = {"x-api-key": served.keys[each.model]} if each.key_needed else {}
        answer = requests.request(each.method, each.url, json=each.example, headers=headers, timeout=30)
        if answer.status_code != 200:
            refused[each.url] = (answer.status_code, answer.text[:300])
    assert operations
    assert not refused
