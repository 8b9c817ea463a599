"""The state folder: one server at a time, whole files, and one sentence where it cannot be used."""

import os

import pytest

from modelport.local.errors import ServeError
from modelport.local.state import opened_state, write_file


def test_a_second_server_is_refused(tmp_path):
    second = opened_state(tmp_path / "s")
    with opened_state(tmp_path / "s"), pytest.raises(ServeError, match="another modelport serves from"):
        second.__enter__()


def test_the_folder_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with opened_state(tmp_path / "s") as state:
            assert (state.serving / "models").is_dir()


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServeError, match=r"the state folder .*file/s cannot be used: Not a directory"):
        opened_state(tmp_path / "file" / "s").__enter__()


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "keys"
    write_file(path, "old")
    inode = path.stat().st_ino
    write_file(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_ino != inode
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    write_file(tmp_path / "keys", "old")
    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(ServeError, match="keys cannot be written: No space left on device"):
        write_file(tmp_path / "keys", "new")
    assert (tmp_path / "keys").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
