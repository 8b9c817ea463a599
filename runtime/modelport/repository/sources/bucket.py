"""A file or a folder in an object store, through the fsspec file system of its vendor. `s3` and `gs` build on this."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from modelport.repository.errors import Changed, FetchError, Unreachable
from modelport.repository.sources.base import CHUNK, Listing, RemoteFile, Stream
from modelport.storage.base import Store, bucket_path
from modelport.storage.errors import Reason, StorageError

Entry = Mapping[str, Any]
"""What fsspec says of one object."""

_PART = 8 * 2**20
"""Bytes of one ranged request; while a part is written, the next one is on its way."""
_PARTS_HELD = 3
_NOTHING = "there is no such object, and none below it"


@contextmanager
def fetching(uri: str) -> Iterator[None]:
    """Turn a store's refusal into the fetch's."""
    try:
        yield
    except StorageError as error:
        raise _fetch_error(uri, error) from error


def _fetch_error(uri: str, error: StorageError) -> FetchError:
    if error.reason is Reason.CHANGED:
        return Changed(uri, "changed while it was read")
    return (Unreachable if error.reason is Reason.UNREACHABLE else FetchError)(uri, error.problem)


class BucketSource:
    """Objects of one bucket: the one that the path names, or all below it."""

    pinned = False

    def __init__(self, uri: str, store: Store, *, tag: Callable[[Entry], str]) -> None:
        """Take the vendor's store, and what in its entries changes with the content. Raises StorageError."""
        self._uri = uri
        self._path = bucket_path(uri)
        self._store = store
        self._filesystem = store.filesystem
        self._tag = tag

    def list(self) -> Listing:
        """Look for an object of that name, unless it ends in a slash, and else for the objects below it."""
        folder = self._path.rstrip("/")
        with self._errors():
            if folder == self._path and "/" in folder:
                entry = self._filesystem.info(folder)
                if entry["type"] == "file":
                    return Listing((self._file(entry, folder.rpartition("/")[2]),), folder=False)
            entries = self._filesystem.find(folder, detail=True)
        prefix = f"{folder}/"
        return Listing(
            tuple(
                self._file(entry, name.removeprefix(prefix))
                for name, entry in sorted(entries.items())
                if not name.endswith("/")  # consoles leave empty objects where somebody made a folder
            ),
            folder=True,
        )

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        """Read from `offset` in parts."""
        with self._errors():
            handle = self._filesystem.open(
                file.address, "rb", block_size=_PART, cache_type="background", cache_options={"maxblocks": _PARTS_HELD}
            )
        with handle:
            self._check(handle.details, file)
            handle.seek(offset)
            yield Stream(self._read(handle, file), offset, handle.size)

    def _read(self, handle: Any, file: RemoteFile) -> Iterator[bytes]:
        with self._errors():
            while chunk := handle.read(CHUNK):
                yield chunk
            entry = self._filesystem.info(file.address)
        self._check(entry, file)  # not every store refuses a part of a newer object

    def _check(self, entry: Entry, file: RemoteFile) -> None:
        if self._tag(entry) != file.tag:
            raise Changed(self._uri, f"changed while it was read: {file.name}")

    def _file(self, entry: Entry, name: str) -> RemoteFile:
        return RemoteFile(name, int(entry["size"]), self._tag(entry), address=entry["name"])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FetchError:
            raise
        except Exception as error:
            raise _fetch_error(self._uri, self._store.describe(error, _NOTHING)) from error
