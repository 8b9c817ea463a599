"""Where flagged pictures go: a folder of this machine, or a bucket. A file appears there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from modelport.api.evaluation import Storage
from modelport.gateway.evaluation.finding import File
from modelport.storage.base import Store, bucket_path
from modelport.storage.credentials import read_credentials
from modelport.storage.errors import Reason, StorageError

STALL_SECONDS: Final = 10.0
"""Without an answer or a connection, after which an attempt is given up."""
PUT_SECONDS: Final = 30.0
"""For one file, however busy the line is."""


class Sink(Protocol):
    """A place for files."""

    def write(self, file: File) -> None:
        """Store a file, in the place of another one of that name; raises StorageError."""


@dataclass(frozen=True, slots=True)
class Sinks:
    """What sinks are made of here."""

    secrets: Path | None = None
    """Folder of Secrets, SECRET/ENTRY. None: only the machine's own credentials are there."""
    folders: bool = False
    """Whether a folder of this machine may be a sink: not in a Pod, whose files end with it."""

    def check(self, storage: Storage) -> None:
        """Raise StorageError for a sink that cannot be written to as things are here; no store is asked."""
        check_address(storage.uri, folders=self.folders)
        if _scheme(storage.uri) == "file":
            if not _folder(storage.uri).is_dir():
                raise StorageError(Reason.MISSING, "is no folder that exists; make it first")
            return
        vendor = _VENDORS[_scheme(storage.uri)]
        if find_spec(vendor.library) is None:
            raise StorageError(Reason.UNUSABLE, f"needs the Python package {vendor.library!r}: {vendor.install}")
        self._credentials(storage)

    def open(self, storage: Storage) -> Sink:
        """Make ready to write, with the credentials of this moment; raises StorageError."""
        self.check(storage)
        if _scheme(storage.uri) == "file":
            return FolderSink(_folder(storage.uri))
        vendor = _VENDORS[_scheme(storage.uri)]
        return BucketSink(bucket_path(storage.uri), vendor.open(self._credentials(storage)))

    def _credentials(self, storage: Storage) -> Mapping[str, str]:
        ref = storage.secret_ref
        return read_credentials(ref.name if ref is not None else None, self.secrets)


@dataclass(frozen=True, slots=True)
class FolderSink:
    """A folder of this machine. It must be there: one that vanished may be a disk that is not mounted."""

    folder: Path

    def write(self, file: File) -> None:
        """Write under a hidden name first; a killed process leaves that behind, and never half a file."""
        path = self.folder / file.path
        draft = path.with_name(f".{path.name}.part")
        try:
            if path.parent != self.folder:
                path.parent.mkdir(exist_ok=True)
            try:
                with draft.open("wb") as stream:
                    stream.write(file.content)
                    stream.flush()
                    os.fsync(stream.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, Reason.OTHER)
            raise StorageError(reason, f"cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class BucketSink:
    """A bucket, or what lies below a prefix in it. The store itself never shows half an object."""

    path: str
    """`bucket/prefix`, with or without a slash at the end."""
    store: Store

    def write(self, file: File) -> None:
        """Put an object."""
        path = f"{self.path.rstrip('/')}/{file.path}"
        try:
            self.store.put(path, file.content, file.content_type, seconds=PUT_SECONDS)
        except Exception as error:  # the libraries raise errors of many classes, which they tell apart themselves
            raise self.store.describe(error) from error


def check_address(uri: str, *, folders: bool) -> None:
    """Raise StorageError for an address at which no picture is ever stored, whatever this machine has."""
    scheme = _scheme(uri)
    if scheme == "file":
        if not folders:
            raise StorageError(Reason.UNUSABLE, "is a folder of this machine, for local runs only; use s3: or gs:")
        _folder(uri)
    elif scheme in _VENDORS:
        bucket_path(uri)
    else:
        raise StorageError(Reason.UNUSABLE, f"has the scheme {scheme!r}; expected s3 or gs, or in local runs file")


def _scheme(uri: str) -> str:
    return uri.partition(":")[0]


def _folder(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise StorageError(Reason.UNUSABLE, "is no folder of this machine; expected file:///PATH, with three slashes")
    return Path(unquote(parts.path))


def _open_s3(credentials: Mapping[str, str]) -> Store:
    from modelport.storage.s3 import S3  # its libraries are large, and optional

    return S3(credentials, stall_seconds=STALL_SECONDS)


def _open_gs(credentials: Mapping[str, str]) -> Store:
    from modelport.storage.gs import Gs

    return Gs(credentials, stall_seconds=STALL_SECONDS, access="read_write")


@dataclass(frozen=True, slots=True)
class _Vendor:
    library: str
    install: str
    """What to type when the library is missing."""
    open: Callable[[Mapping[str, str]], Store]


_VENDORS: Final[Mapping[str, _Vendor]] = {
    "s3": _Vendor("s3fs", "pip install 'modelport[s3]'", _open_s3),
    "gs": _Vendor("gcsfs", "pip install 'modelport[gcs]'", _open_gs),
}
_REASONS: Final[Mapping[int, Reason]] = {
    errno.ENOENT: Reason.MISSING,
    errno.ENOTDIR: Reason.MISSING,
    errno.EACCES: Reason.DENIED,
    errno.EPERM: Reason.DENIED,
    errno.EROFS: Reason.DENIED,
    errno.ENOSPC: Reason.FULL,
    errno.EDQUOT: Reason.FULL,
    errno.EFBIG: Reason.FULL,
}
"""What the system says of a folder, in a store's words."""
