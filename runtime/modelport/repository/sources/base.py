"""What a source is. One module implements it for each scheme; resuming, retrying, verifying and storing are not theirs.

fetch ── Source.list ──► Listing ── Source.open ──► Stream ── transfer ──► cache
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

CHUNK = 2**20
"""Bytes read at once: enough to keep the disk busy, small enough for a lively progress bar."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a listing."""

    name: str
    """Relative to the listed folder, with slashes; untrusted."""
    size: int | None
    """Bytes; None where the source does not say before it has sent them."""
    tag: str | None
    """Differs whenever the content does (an ETag, a generation, a time of change); None where nothing tells, and then
    the file is neither resumed nor taken for unchanged."""
    digest: str | None = None
    """`sha256:…`, where the source vouches for it."""
    address: str = ""
    """Where it lies, in the source's own terms."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies at a URI now."""

    files: tuple[RemoteFile, ...]
    folder: bool
    """Whether the URI names a folder; if not, there is exactly one file."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes of one file on their way."""

    chunks: Iterator[bytes]
    offset: int
    """Of the first byte: the offset asked for, or 0 from a source that cannot begin there."""
    size: int | None
    """Of the whole file, where the source says."""


class Source(Protocol):
    """A place that a URI names. Every method raises FetchError, Unreachable where another attempt may help."""

    pinned: bool
    """Whether the URI names its content for ever (a commit, a manifest's digest): then one look is enough."""

    def list(self) -> Listing:
        """Say what lies there now."""

    def open(self, file: RemoteFile, offset: int) -> AbstractContextManager[Stream]:
        """Read a file of the listing from `offset` on; raise Changed if it is no longer the one that was listed."""
