"""One file from its source onto this disk: resumed where it broke off, retried while that helps, bounded, verified."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path
from threading import Event, Lock

from modelport.repository.digest import file_digest
from modelport.repository.disk import sync
from modelport.repository.errors import FetchError, Unreachable, WrongDigest
from modelport.repository.limits import FetchLimits
from modelport.repository.progress import Progress
from modelport.repository.sources.base import CHUNK, RemoteFile, Source, Stream


class Stopped(Exception):
    """The transfer was called off."""


class Meter:
    """Counts the bytes of all files of a fetch, shows them, and stops at the limit."""

    def __init__(self, uri: str, total: int | None, limits: FetchLimits, progress: Progress) -> None:
        """Take the redacted URI and the bytes to come, None where they are not known."""
        self.stop = Event()
        self.uri = uri
        self._total, self._limit, self._progress = total, limits.bytes, progress
        self._lock = Lock()
        self._done = 0

    def add(self, count: int) -> None:
        """Note bytes that have come, or by a negative count are to come again."""
        if self.stop.is_set():
            raise Stopped
        with self._lock:
            self._done += count
            if self._done > self._limit:
                raise FetchError(self.uri, f"is larger than the limit of {self._limit:,} bytes")
            self._progress(self.uri, self._done, self._total)

    def pause(self, seconds: float) -> None:
        """Wait before another attempt."""
        if self.stop.wait(seconds):
            raise Stopped


def transfer(source: Source, file: RemoteFile, target: Path, part: Path, limits: FetchLimits, meter: Meter) -> str:
    """Bring a file to `target` and return its digest; `part` holds what has come until it is whole.

    A target that is there already is whole, and a part is continued, if the file's tag vouches for them.
    """
    meter.add(0)  # it may have been called off while it waited for its turn
    if file.tag is None:
        target.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    if target.exists():
        meter.add(target.stat().st_size)
        return file_digest(target)
    with closing(_Part(part, meter)) as received:
        resumed = received.size > 0
        _receive(source, file, received, limits, meter)
        if file.digest not in (None, received.digest) and resumed:
            received.restart()  # what an earlier run left was damaged
            _receive(source, file, received, limits, meter)
        if file.digest not in (None, received.digest):
            part.unlink()
            raise WrongDigest(
                meter.uri, f"has the digest {received.digest} where {file.digest} was expected: {file.name}"
            )
        digest = received.digest
    sync(part)
    part.rename(target)
    return digest


class _Part:
    """A file that grows, its digest kept along."""

    def __init__(self, path: Path, meter: Meter) -> None:
        """Open what an earlier attempt left, or nothing."""
        path.touch()
        self._file = path.open("r+b")
        self._meter = meter
        self._hash = hashlib.sha256()
        self.size = 0
        while chunk := self._file.read(CHUNK):
            self._count(chunk)

    @property
    def digest(self) -> str:
        """Of what is here."""
        return f"sha256:{self._hash.hexdigest()}"

    def append(self, chunk: bytes) -> None:
        """Write on."""
        self._count(chunk)
        self._file.write(chunk)

    def restart(self) -> None:
        """Begin anew."""
        self._meter.add(-self.size)
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self.size = 0

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.close()

    def _count(self, chunk: bytes) -> None:
        self._meter.add(len(chunk))
        self._hash.update(chunk)
        self.size += len(chunk)


def _receive(source: Source, file: RemoteFile, part: _Part, limits: FetchLimits, meter: Meter) -> None:
    """Fill the part; attempts count only while they bring nothing new."""
    failures, most = 0, part.size
    while True:
        try:
            if not (file.size == part.size > 0):
                with source.open(file, part.size) as stream:
                    _copy(stream, file, part, meter)
            return
        except Unreachable:
            failures = 0 if part.size > most else failures + 1
            most = max(most, part.size)
            if failures >= limits.attempts:
                raise
            meter.pause(limits.pause_seconds(failures))


def _copy(stream: Stream, file: RemoteFile, part: _Part, meter: Meter) -> None:
    if stream.offset != part.size:
        part.restart()
    for chunk in stream.chunks:
        part.append(chunk)
    expected = stream.size if file.size is None else file.size
    if expected is not None and part.size < expected:
        raise Unreachable(meter.uri, f"broke off after {part.size:,} of {expected:,} bytes: {file.name}")
    if expected is not None and part.size > expected:
        raise FetchError(meter.uri, f"sent {part.size:,} bytes where {expected:,} were announced: {file.name}")
