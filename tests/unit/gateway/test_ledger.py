"""The accounts of Serverless models: agreed on by processes, kept through restarts, mended where they are broken."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelport.gateway import ledger as module
from modelport.gateway.ledger import FILE_BYTES, Entry, Ledger, encode_entry, parse_entry

ENTRY = Entry("2026-11", 41, 541, (2, 0))


def test_a_file_reads_as_it_was_written() -> None:
    content = encode_entry(ENTRY)
    assert len(content) == FILE_BYTES
    assert parse_entry(content) == ENTRY
    assert parse_entry(b"") == Entry()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\0" * FILE_BYTES, id="zeros, as after a loss of power"),
        pytest.param(encode_entry(ENTRY)[:40], id="cut off"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b'{"month": "2026-11"}', id="members are missing"),
        pytest.param(encode_entry(ENTRY).replace(b'"2026-11"', b"   202611"), id="a month that is no text"),
        pytest.param(encode_entry(ENTRY).replace(b":41,", b":-1,"), id="less than nothing"),
        pytest.param(encode_entry(ENTRY).replace(b":541,", b":1e3,"), id="no whole number"),
        pytest.param(encode_entry(ENTRY).replace(b"[2,0]", b"[1.5]"), id="half a request in flight"),
        pytest.param(encode_entry(ENTRY).replace(b"[2,0]", b"   20"), id="flights that are no list"),
        pytest.param(b"\xff" * FILE_BYTES, id="no text"),
    ],
)
def test_a_broken_file_is_put_aside_and_the_account_begins_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    broken = []
    (tmp_path / "m.json").write_bytes(content)
    assert content != encode_entry(ENTRY)
    ledger = Ledger(tmp_path, on_broken=lambda: broken.append(1))

    assert ledger.update("m", Entry.with_answer) == Entry(answered=1, ever=1)
    assert ledger.read("m") == Entry(answered=1, ever=1)
    assert (tmp_path / "m.broken").read_bytes() == content
    assert broken == [1]
    assert "the use of model m cannot be read" in caplog.text


@pytest.mark.parametrize("on_disk", [True, False], ids=["in a folder", "in memory"])
def test_what_raises_changes_nothing(tmp_path: Path, on_disk: bool) -> None:
    ledger = Ledger(tmp_path if on_disk else None)
    ledger.update("m", Entry.with_answer)
    with pytest.raises(ZeroDivisionError):
        ledger.update("m", lambda entry: Entry(answered=1 // entry.in_flight.count(9)))
    assert ledger.read("m") == Entry(answered=1, ever=1)
    assert ledger.read("other") == Entry()


def test_another_process_goes_on_where_one_ended(tmp_path: Path) -> None:
    Ledger(tmp_path / "usage").update("m", lambda _: ENTRY)
    assert Ledger(tmp_path / "usage").read("m") == ENTRY
    assert (tmp_path / "usage" / "m.json").stat().st_mode & 0o077 == 0


def test_processes_that_count_at_once_lose_nothing(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from modelport.gateway.ledger import Entry, Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for _ in range(300): ledger.update('m', Entry.with_answer)"
    )
    started = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [each.wait(60) for each in started] == [0, 0, 0]
    assert Ledger(tmp_path).read("m") == Entry(answered=900, ever=900)


def test_a_lock_that_is_never_released_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.001)
    descriptor = os.open(tmp_path / "m.json", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError):
        Ledger(tmp_path).update("m", Entry.with_answer)
    os.close(descriptor)


@pytest.mark.parametrize("name", ["folder", "pipe"])
def test_what_is_no_file_is_an_error_and_never_hangs(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(OSError, match=r"Is a directory|Illegal seek"):
        Ledger(tmp_path).update(name, Entry.with_answer)


def test_the_disk_is_made_to_keep_what_has_changed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(module, "_fsync", lambda path: synced.append(path.name))
    ledger = Ledger(tmp_path)
    ledger.sync()
    ledger.update("m", Entry.with_answer)
    ledger.read("other")
    ledger.sync()
    ledger.sync()
    assert synced == ["m.json", tmp_path.name]


def test_an_account_in_another_month_begins_at_nothing_and_forgets_no_total() -> None:
    assert ENTRY.at("2026-11") is ENTRY
    assert ENTRY.at("2026-12") == Entry("2026-12", 0, 541, (2, 0))


@pytest.mark.parametrize(
    ("before", "workers", "after"),
    [((), 1, (5,)), ((7, 3), 2, (5, 3)), ((7, 3), 1, (5,)), ((7,), 3, (5, 0, 0))],
    ids=["first", "beside another", "the other is no more", "others come"],
)
def test_a_worker_tells_its_own_flights(before: tuple[int, ...], workers: int, after: tuple[int, ...]) -> None:
    assert Entry(in_flight=before).with_in_flight(0, workers, 5).in_flight == after
