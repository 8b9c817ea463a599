"""From a URI to files in the cache: the one way by which a model comes onto this machine.

    fetch ── the cache has it? ──► list ── unchanged? ──► transfer each file ──► verify ──► unpack ──► publish

Anything may be killed at any moment. The next fetch goes on from the files that are whole and from the part of each
file that came; nothing is visible before all of it is.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from modelport.repository.archive import UnsafeArchive, is_archive, unpack
from modelport.repository.cache import Cache, Fetched, Seen
from modelport.repository.digest import folder_digest, is_digest
from modelport.repository.disk import remove
from modelport.repository.errors import CacheError, Changed, FetchError, Unreachable, WrongDigest
from modelport.repository.limits import FetchLimits
from modelport.repository.paths import Names, UnsafePath
from modelport.repository.progress import Progress, silent
from modelport.repository.selection import Selection
from modelport.repository.sources import open_source
from modelport.repository.sources.base import Listing, RemoteFile, Source
from modelport.repository.transfer import Meter, Stopped, transfer
from modelport.storage.credentials import is_uri, redact

__all__ = ["Cache", "FetchError", "FetchLimits", "Fetched", "Progress", "fetch", "silent"]

_LOGGER = logging.getLogger(__name__)
_RELISTINGS = 3
"""Times that a source may change while it is read."""


def fetch(
    uri: str,
    *,
    cache: Cache,
    digest: str | None = None,
    select: Selection | None = None,
    credentials: Mapping[str, str] = {},
    progress: Progress = silent,
    limits: FetchLimits = FetchLimits(),  # noqa: B008 (frozen)
) -> Fetched:
    """Bring what a URI names into the cache, if it is not there, and say where it lies.

    A digest that is given is checked, and where the cache holds it nothing is asked of the source. Without one the
    source is listed, and what it has not changed is not downloaded again. `select` chooses versions of a folder, and
    the digest is that of the files chosen. Archives come unpacked. Credentials are named as in an environment
    (`modelport.storage.credentials`). Raises FetchError, or InvalidModel for a version that is not there.
    """
    if digest is not None and not is_digest(digest):
        raise FetchError(uri, f"cannot be checked: the digest {digest!r} is not sha256: and 64 hexadecimal digits")
    if not is_uri(uri):
        raise FetchError(uri, "is not a valid URI")
    try:
        found = cache.find(digest, _file_name(uri)) if digest else None
        if found is None:
            source = open_source(uri, credentials, limits)
            with cache.lock(digest or uri):
                found = _Fetch(uri, source, cache, digest, select, progress, limits).run()
    except CacheError as error:
        raise FetchError(uri, f"cannot be stored: {error}") from error
    return found


class _Fetch:
    """One fetch whose lock is held."""

    def __init__(
        self,
        uri: str,
        source: Source,
        cache: Cache,
        digest: str | None,
        select: Selection | None,
        progress: Progress,
        limits: FetchLimits,
    ) -> None:
        self._uri, self._source, self._cache, self._digest = uri, source, cache, digest
        self._select = select
        self._place = uri if select is None else f"{uri} {select.text}"
        """By which the cache knows what was found there."""
        self._progress, self._limits = progress, limits

    def run(self) -> Fetched:
        """Look again whether it is there, since another process may have held the lock for just that; else download."""
        if self._digest and (found := self._cache.find(self._digest, _file_name(self._uri))):
            return found
        seen = None if self._digest else self._cache.seen(self._place)
        if seen and self._source.pinned and (found := self._find(seen)):
            return found
        for attempt in range(_RELISTINGS):
            try:
                return self._run_once(seen)
            except Changed:
                if attempt == _RELISTINGS - 1:
                    raise
        raise AssertionError("unreachable")

    def _run_once(self, seen: Seen | None) -> Fetched:
        try:
            listing = self._list(attempts=1 if seen else self._limits.attempts)
        except Unreachable as error:
            if seen and (found := self._find(seen)):
                _LOGGER.warning("%s; the copy of an earlier look is used", error)
                return found
            raise
        if self._select is not None:
            listing = self._select.choose(listing)
        _check_listing(self._uri, listing, self._limits)
        if seen and _unchanged(listing, seen) and (found := self._find(seen)):
            return found
        return self._download(listing, seen)

    def _list(self, attempts: int) -> Listing:
        for failures in range(1, attempts):
            try:
                return self._source.list()
            except Unreachable:
                time.sleep(self._limits.pause_seconds(failures))
        return self._source.list()

    def _find(self, seen: Seen) -> Fetched | None:
        return self._cache.find(seen.digest, Path(seen.files[0].name).name)

    def _download(self, listing: Listing, seen: Seen | None) -> Fetched:
        with self._cache.staging(self._digest or self._place, json.dumps([self._uri, _identity(listing)])) as staged:
            content = staged / "content"
            if seen and listing.folder:
                _reuse(self._cache.find(seen.digest), seen, listing, content)
            files = self._transfer_all(listing, content, staged / "parts")
            digest = self._check_digest(listing, files, staged)
            ready, folder = self._unpacked(listing, staged)
            self._cache.remember(self._place, Seen(digest, tuple(files)))  # void until the object is there
            return self._cache.publish(ready, digest, folder=folder)

    def _transfer_all(self, listing: Listing, content: Path, parts: Path) -> list[RemoteFile]:
        """Download what is missing; return the files with their digests."""
        for folder in {parts, *((content / file.name).parent for file in listing.files)}:
            folder.mkdir(parents=True, exist_ok=True)
        sizes = [file.size for file in listing.files]
        total = None if None in sizes else sum(size for size in sizes if size is not None)
        self._check_space(total, content.parent)
        meter = Meter(redact(self._uri), total, self._limits, self._progress)

        def bring(index: int, file: RemoteFile) -> RemoteFile:
            try:
                part = parts / str(index)
                return replace(
                    file, digest=transfer(self._source, file, content / file.name, part, self._limits, meter)
                )
            except BaseException:
                meter.stop.set()
                raise

        with ThreadPoolExecutor(self._limits.parallel, thread_name_prefix="fetch") as pool:
            futures = [pool.submit(bring, index, file) for index, file in enumerate(self._expected(listing))]
            try:
                return [future.result() for future in futures]
            except Stopped:
                errors = (future.exception() for future in futures)
                raise next(error for error in errors if error and not isinstance(error, Stopped)) from None
            finally:
                meter.stop.set()

    def _expected(self, listing: Listing) -> tuple[RemoteFile, ...]:
        """The files, a single one with the digest that the caller gave."""
        if listing.folder or self._digest is None:
            return listing.files
        return (replace(listing.files[0], digest=self._digest),)

    def _check_space(self, total: int | None, staged: Path) -> None:
        here = sum(path.stat().st_size for path in staged.rglob("*") if path.is_file())
        free = shutil.disk_usage(staged).free
        if total is not None and total - here > free:
            raise CacheError(
                f"{total - here:,} bytes are needed and the disk of {self._cache.folder} has {free:,} left"
            )

    def _check_digest(self, listing: Listing, files: list[RemoteFile], staged: Path) -> str:
        found = {file.name: file.digest or "" for file in files}
        digest = folder_digest(found) if listing.folder else found[files[0].name]
        if self._digest not in (None, digest):
            remove(staged)
            raise WrongDigest(self._uri, f"has the digest {digest} where {self._digest} was expected")
        return digest

    def _unpacked(self, listing: Listing, staged: Path) -> tuple[Path, bool]:
        """What is to be published and whether it is a folder: what came, or the content of the archive that came."""
        file = staged / "content" / listing.files[0].name
        try:
            if listing.folder or not is_archive(file, file.name):
                return staged, listing.folder
            unpacked = staged / "unpacked"
            remove(unpacked)
            (unpacked / "content").mkdir(parents=True)
            unpack(file, unpacked / "content", self._limits)
        except UnsafeArchive as error:
            remove(staged)
            raise FetchError(self._uri, str(error)) from error
        return unpacked, True


def _check_listing(uri: str, listing: Listing, limits: FetchLimits) -> None:
    """Hold the names, the number and the announced size of the files against what is allowed."""
    if not listing.files:
        raise FetchError(uri, "holds no files")
    if len(listing.files) > limits.files:
        raise FetchError(uri, f"holds more than {limits.files:,} files")
    size = sum(file.size or 0 for file in listing.files)
    if size > limits.bytes:
        raise FetchError(uri, f"is larger than the limit of {limits.bytes:,} bytes: {size:,}")
    names = Names()
    try:
        for file in listing.files:
            names.add_file(file.name)
    except UnsafePath as error:
        raise FetchError(uri, f"cannot be stored: {error}") from error


def _identity(listing: Listing) -> list[Any]:
    """What makes one listing another; every file without a tag is as good as changed."""
    return [(file.name, file.size, file.tag) for file in listing.files]


def _unchanged(listing: Listing, seen: Seen) -> bool:
    tagged = all(file.tag is not None for file in listing.files)
    return tagged and sorted(_identity(listing)) == sorted(_identity(replace(listing, files=seen.files)))


def _reuse(old: Fetched | None, seen: Seen, listing: Listing, content: Path) -> None:
    """Give the new folder the files that the old one has unchanged, as further names of the same bytes."""
    if old is None or not old.path.is_dir():
        return
    unchanged = {_identity_of(file) for file in seen.files} & {_identity_of(file) for file in listing.files if file.tag}
    for name, _, _ in unchanged:
        target = content / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # a file system without links: it is downloaded like the others
            os.link(old.path / name, target)


def _identity_of(file: RemoteFile) -> tuple[str, int | None, str | None]:
    return file.name, file.size, file.tag


def _file_name(uri: str) -> str | None:
    """The name that a URI gives to a single file."""
    return unquote(urlsplit(uri).path).rpartition("/")[2] or None
