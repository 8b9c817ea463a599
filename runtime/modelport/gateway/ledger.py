"""What each Serverless model has answered, kept over restarts and shared by all workers: one small file a model.

A file is read and written under a lock, so workers agree to the request. It is written in place, by one call, and the
disk is made to have it by `sync`, beside the requests. So a process that is killed loses nothing, and a machine that
loses its power forgets the answers of the last second.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import orjson

log = logging.getLogger(__name__)

FILE_BYTES = 4096
"""Every file's size. One page: a write replaces all of it or nothing."""
LOCK_SECONDS = 0.25
"""Who holds a lock holds it for microseconds; one that is held longer is not waited for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model's account."""

    month: str = ""
    """The calendar month (UTC) that `answered` is of, such as 2026-11."""
    answered: int = 0
    """Requests answered in that month."""
    ever: int = 0
    """Requests answered since the account was opened."""
    in_flight: tuple[int, ...] = ()
    """Requests that each worker has begun and not ended, by its index."""

    @property
    def taken(self) -> int:
        """What counts against the month's quota: answered, or about to be."""
        return self.answered + sum(self.in_flight)

    def at(self, month: str) -> Entry:
        """The account in that month: another one begins at 0, whichever way the clock went."""
        return self if month == self.month else replace(self, month=month, answered=0)

    def with_in_flight(self, worker: int, workers: int, number: int) -> Entry:
        """The account once `worker` has so many requests in flight; those of workers that are no more are forgotten."""
        known = (*self.in_flight, *[0] * workers)[:workers]
        return replace(self, in_flight=(*known[:worker], number, *known[worker + 1 :]))

    def with_answer(self) -> Entry:
        """The account after one more answer."""
        return replace(self, answered=self.answered + 1, ever=self.ever + 1)


_MEMBERS = {each.name: None for each in fields(Entry)}
"""In the order in which they are written."""


def encode_entry(entry: Entry) -> bytes:
    """Write a file's content: JSON, filled up with spaces."""
    members = {name: getattr(entry, name) for name in _MEMBERS}
    return orjson.dumps(members).ljust(FILE_BYTES - 1) + b"\n"


def parse_entry(content: bytes) -> Entry:
    """Read a file's content, an empty one as a new account; raise ValueError if it is none."""
    if not content:
        return Entry()
    found: Any = orjson.loads(content.rstrip())
    if not isinstance(found, dict) or found.keys() != _MEMBERS.keys():
        raise ValueError(f"expected an object with {', '.join(_MEMBERS)}")
    numbers = found["in_flight"]
    if not isinstance(found["month"], str) or not isinstance(numbers, list):
        raise ValueError("expected month to be text and in_flight a list")
    for number in (found["answered"], found["ever"], *numbers):
        if type(number) is not int or number < 0:
            raise ValueError(f"expected whole numbers from 0, got {number!r}")
    return Entry(found["month"], found["answered"], found["ever"], tuple(numbers))


class Ledger:
    """The accounts of all Serverless models, by name."""

    def __init__(self, folder: Path | None, on_broken: Callable[[], None] = lambda: None) -> None:
        """Keep them in a folder, made if need be; None: in the memory of this process, until it ends.

        `on_broken` is called for a file that cannot be read as an account. It is put aside as NAME.broken, and the
        account begins anew.
        """
        self._folder = folder
        self._on_broken = on_broken
        self._memory: dict[str, Entry] = {}
        self._unsynced: set[str] = set()
        if folder is not None:
            with suppress(OSError):  # the first use says what is wrong
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name: str) -> Entry:
        """Return an account; raise OSError if it cannot be had."""
        if self._folder is None:
            return self._memory.get(name, Entry())
        with _locked(self._folder / f"{name}.json") as file:
            return self._parse(name, os.pread(file, FILE_BYTES, 0))

    def update(self, name: str, change: Callable[[Entry], Entry]) -> Entry:
        """Put what `change` makes of an account in its place, before any other process can look; return it.

        Nothing is written if `change` raises. Raises OSError if the file cannot be read or written.
        """
        if self._folder is None:
            entry = self._memory[name] = change(self._memory.get(name, Entry()))
            return entry
        with _locked(self._folder / f"{name}.json") as file:
            entry = change(self._parse(name, os.pread(file, FILE_BYTES, 0)))
            os.pwrite(file, encode_entry(entry), 0)
        self._unsynced.add(name)
        return entry

    def sync(self) -> None:
        """Have the disk keep what was written; raise OSError if it does not. Takes milliseconds: not for the loop."""
        if self._folder is None or not self._unsynced:
            return
        while self._unsynced:  # one at a time: the requests go on and add to it
            _fsync(self._folder / f"{self._unsynced.pop()}.json")
        _fsync(self._folder)

    def _parse(self, name: str, content: bytes) -> Entry:
        try:
            return parse_entry(content)
        except ValueError as error:
            assert self._folder is not None  # noqa: S101  memory holds no bytes
            aside = self._folder / f"{name}.broken"
            aside.write_bytes(content)
            log.error("the use of model %s cannot be read (%s): it begins anew; see %s", name, error, aside)
            self._on_broken()
            return Entry()


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file, made if need be, that no other process has while this one does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > deadline:
                    raise
                sleep(0.0002)
        yield descriptor
    finally:
        os.close(descriptor)  # and with it the lock


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
