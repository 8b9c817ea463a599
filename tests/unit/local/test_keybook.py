"""The files that keys come from and go to."""

import json
import logging

import pytest

from modelport.api import KeyDigests
from modelport.api.serving import keys_file
from modelport.local.errors import ServeError
from modelport.local.keybook import KeyBook
from modelport.local.keys import read_keys
from modelport.local.state import opened_state


@pytest.fixture
def state(tmp_path):
    with opened_state(tmp_path / "state") as state:
        yield state


def digests(state, name="half"):
    return KeyDigests.parse_json(keys_file(state.serving, name).read_bytes(), "test")


def test_generated_keys_are_kept_and_only_their_owner_reads_them(state, make_resource):
    KeyBook(state, None, None).apply([make_resource()])
    first = read_keys(state.keys)
    KeyBook(state, None, None).apply([make_resource()])
    assert read_keys(state.keys) == first
    assert state.keys.stat().st_mode & 0o777 == 0o600
    assert state.root.stat().st_mode & 0o777 == 0o700


def test_the_gateways_file_never_holds_a_key(state, make_resource):
    book = KeyBook(state, None, None)
    book.apply([make_resource()])
    text = keys_file(state.serving, "half").read_text()
    assert json.loads(text)["keys"][0]["name"] == "default"
    assert book.keys[0].value not in text


def test_a_line_removed_from_the_users_file_is_revoked(state, make_resource, tmp_path):
    file = tmp_path / "keys.txt"
    file.write_text("half:a:one\nhalf:b:two\n")
    book = KeyBook(state, file, None)
    book.apply([make_resource()])
    file.write_text("half:a:one\n")
    book.apply([make_resource()])
    assert [(key.name, key.revoked is None) for key in digests(state).keys] == [("a", True), ("b", False)]
    assert file.read_text() == "half:a:one\n"


def test_a_broken_file_changes_nothing(state, make_resource, tmp_path):
    file = tmp_path / "keys.txt"
    file.write_text("half:a:one\n")
    book = KeyBook(state, file, None)
    book.apply([make_resource()])
    file.write_text("half:a\n")
    with pytest.raises(ServeError):
        book.apply([make_resource()])
    assert [key.value for key in book.keys] == ["one"]
    assert [key.revoked for key in digests(state).keys] == [None]


def test_what_may_not_be_meant_is_told(state, make_resource, tmp_path, caplog):
    file = tmp_path / "keys.txt"
    file.write_text("hlaf:default:one\n")
    file.chmod(0o644)
    book = KeyBook(state, file, None)
    book.apply([make_resource()])
    with caplog.at_level(logging.WARNING):
        book.warn([make_resource()])
    text = caplog.text
    assert "can be read by others" in text
    assert "keys for hlaf, and no model of that name" in text
    assert "no key default for model half" in text


def test_an_anonymous_model_is_shown_without_a_key(state, make_resource, tmp_path):
    (tmp_path / "keys.txt").write_text("half:default:one\n")
    book = KeyBook(state, tmp_path / "keys.txt", None)
    resource = make_resource(access={"anonymous": True})
    book.apply([resource])
    assert book.first_of(resource) is None
