"""`file:` and plain paths: a file or a folder of this machine, copied, so that later edits do not reach the cache."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from modelport.repository.errors import Changed, FetchError
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.base import CHUNK, Listing, RemoteFile, Stream


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> FileSource:
    """Read `file:///path`, `file:path` and a plain path."""
    parts = urlsplit(uri)
    if parts.scheme.lower() != "file":
        return FileSource(uri, Path(uri))
    if parts.netloc not in ("", "localhost"):
        raise FetchError(
            uri, f"names the host {parts.netloc!r}; a file of this machine is file:///path, with three slashes"
        )
    return FileSource(uri, Path(unquote(parts.path)))


class FileSource:
    """A path of this machine. Links are followed: what they lead to is the user's own."""

    pinned = False

    def __init__(self, uri: str, path: Path) -> None:
        """Take the path; whether something is there is seen when it is listed."""
        self._uri = uri
        self._path = path

    def list(self) -> Listing:
        """List the file, or every file below the folder."""
        try:
            if not self._path.is_dir():
                return Listing((self._file(self._path, self._path.name),), folder=False)
            files = tuple(self._file(path, path.relative_to(self._path).as_posix()) for path in _walk(self._path))
        except OSError as error:
            raise self._error(error) from error
        return Listing(files, folder=True)

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        """Read from `offset`; what changes meanwhile is noticed at the end."""
        try:
            handle = Path(file.address).open("rb")  # noqa: SIM115 (an error of the reader's must not look like ours)
        except OSError as error:
            raise self._error(error) from error
        with handle:
            handle.seek(offset)
            yield Stream(self._read(handle, file), offset, file.size)

    def _read(self, handle: BinaryIO, file: RemoteFile) -> Iterator[bytes]:
        try:
            while chunk := handle.read(CHUNK):
                yield chunk
            status = os.fstat(handle.fileno())
        except OSError as error:
            raise self._error(error) from error
        if _tag(status) != file.tag:
            raise Changed(self._uri, f"changed while it was read: {file.name}")

    def _file(self, path: Path, name: str) -> RemoteFile:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FetchError(self._uri, f"is or holds something that is neither a file nor a folder: {name}")
        return RemoteFile(name, status.st_size, _tag(status), address=str(path))

    def _error(self, error: OSError) -> FetchError:
        return FetchError(self._uri, f"cannot be read: {error.strerror or error} ({error.filename or self._path})")


def _tag(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _walk(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Every file below a folder, in order; a link back to a folder that it lies in is not followed."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _walk(path, above | {here})
        else:
            yield path
