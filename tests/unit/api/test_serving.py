"""The serving configuration: both files there and back, and what is wrong with them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelport.api import InvalidManifest, KeyDigest, KeyDigests, PublishedModel, ServedModel, parse_yaml
from modelport.api.serving import keys_file, model_file


def test_a_served_model_comes_back_as_it_went(tableware: str) -> None:
    (resource,) = parse_yaml(tableware, "tableware.yaml")
    served = ServedModel(resource=resource, digest="sha256:" + "0" * 64, labels=("bowl", "cup"))
    assert ServedModel.parse_json(served.dump_json(), "models/tableware.json") == served


def test_keys_come_back_as_they_went() -> None:
    keys = KeyDigests(
        keys=(
            KeyDigest(name="default", sha256="0" * 64),
            KeyDigest(name="old", sha256="f" * 64, expires=datetime(2027, 1, 1, tzinfo=UTC)),
            KeyDigest(name="gone", sha256="a" * 64, revoked=datetime(2026, 1, 1, tzinfo=UTC)),
        )
    )
    assert KeyDigests.parse_json(keys.dump_json(), "keys/cups.json") == keys


def test_the_file_speaks_the_resource_s_language(resource: Callable[[dict[str, Any]], PublishedModel]) -> None:
    text = ServedModel(resource=resource({"versionTag": "spring"})).dump_json()
    assert '"versionTag": "spring"' in text
    assert "null" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ('{"keys": [{"name": "a"}]}', "keys[0].sha256: missing"),
        ("[]", "the document: expected an object, got an empty list"),
    ],
    ids=["half a file", "a digest missing", "a list"],
)
def test_a_file_that_is_none(text: str, expected: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        KeyDigests.parse_json(text, "keys/cups.json")
    assert caught.value.problems == (expected,)


def test_the_layout_of_the_folder() -> None:
    folder = Path("serving")
    assert model_file(folder, "cups") == Path("serving/models/cups.json")
    assert keys_file(folder, "cups") == Path("serving/keys/cups.json")
