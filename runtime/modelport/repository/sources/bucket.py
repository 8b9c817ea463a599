"""A file or a folder in an object store, through the fsspec file system of its vendor. `s3` and `gs` build on this."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from modelport.repository.errors import Changed, FetchError
from modelport.repository.sources.base import CHUNK, Listing, RemoteFile, Stream

Entry = Mapping[str, Any]
"""What fsspec says of one object."""

_PART = 8 * 2**20
"""Bytes of one ranged request; while a part is written, the next one is on its way."""
_PARTS_HELD = 3


def bucket_path(uri: str) -> str:
    """The `bucket/key` of a URI. As in the vendors' own tools, keys stand in it as they are, not percent-encoded."""
    path = uri.partition("://")[2]
    bucket = path.partition("/")[0]
    if not bucket:
        raise FetchError(uri, "names no bucket")
    if "@" in bucket:
        raise FetchError(uri, "has something before the bucket's name; credentials do not belong into a URI")
    return path


class BucketSource:
    """Objects of one bucket: the one that the path names, or all below it."""

    pinned = False

    def __init__(
        self,
        uri: str,
        filesystem: Any,  # fsspec has no types
        *,
        tag: Callable[[Entry], str],
        word: Callable[[Exception], FetchError],
    ) -> None:
        """Take the vendor's file system, what in its entries changes with the content, and its errors' translation."""
        self._uri = uri
        self._path = bucket_path(uri)
        self._filesystem = filesystem
        self._tag = tag
        self._word = word

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
            raise self._word(error) from error
