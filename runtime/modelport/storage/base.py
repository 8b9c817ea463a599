"""What an object store is to its callers, whoever sells it."""

from __future__ import annotations

from typing import Any, Protocol

from modelport.storage.errors import Reason, StorageError

NO_BUCKET = "there is no such bucket"


class Store(Protocol):
    """One vendor's object store, opened with some credentials."""

    @property
    def filesystem(self) -> Any:
        """The vendor's fsspec file system. It tries everything once; fsspec has no types."""

    def put(self, path: str, data: bytes, content_type: str, *, seconds: float) -> None:
        """Write the object `bucket/key`, which appears whole or not at all; raises what `describe` words."""

    def describe(self, error: Exception, nothing: str = NO_BUCKET) -> StorageError:
        """Word what the library raised; `nothing` says what it means that nothing was found."""


def bucket_path(uri: str) -> str:
    """The `bucket/key` of a URI. As in the vendors' own tools, keys stand in it as they are, not percent-encoded.

    Raises StorageError.
    """
    path = uri.partition("://")[2]
    bucket = path.partition("/")[0]
    if not bucket:
        raise StorageError(Reason.UNUSABLE, "names no bucket")
    if "@" in bucket:
        problem = "has something before the bucket's name; credentials do not belong into a URI"
        raise StorageError(Reason.UNUSABLE, problem)
    return path
