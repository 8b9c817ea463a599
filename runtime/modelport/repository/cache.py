"""Where fetched models lie: a folder shared by all models and processes of a machine, or by the containers of a Pod.

    objects/HEX/content/…    what the digest sha256:HEX stands for: one file, a folder, or an archive's content
    objects/HEX/object.json  its kind and size; the time of change is that of the last use
    listings/KEY.json        what a URI named when it was last looked at
    staging/KEY/…            downloads on their way; a killed one is resumed from here
    locks/KEY.lock           who downloads what, for the other processes to wait
    trash/HEX                pruned, and removed in a moment

An object appears by one rename, whole and verified, and is never changed afterwards.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from modelport.repository.disk import remove, seal, sync
from modelport.repository.errors import CacheError
from modelport.repository.sources.base import RemoteFile

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model's files on this machine."""

    path: Path
    """A read-only file or folder in the cache; the content of an archive is a folder."""
    digest: str
    """`sha256:…` of the file (of the archive, where it was one), or of the folder."""
    bytes: int
    """Of all files at `path`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a URI named when it was last looked at."""

    digest: str
    """Of the object."""
    files: tuple[RemoteFile, ...]
    """As listed, each with the digest found."""


class Cache:
    """A content-addressed store. Every method may be called by several threads and processes at once."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when something is to be stored."""
        self.folder = folder.absolute()

    def find(self, digest: str, name: str | None = None) -> Fetched | None:
        """Look up an object and note its use; a single file is given the name asked for, beside those it has."""
        home = self._home(digest)
        try:
            about = json.loads((home / "object.json").read_bytes())
        except FileNotFoundError:
            return None
        with suppress(OSError):  # a read-only cache keeps no account of its use
            os.utime(home / "object.json")
        content = home / "content"
        return Fetched(content if about["folder"] else _named(content, name), digest, about["bytes"])

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold what the key stands for; wait for another process that holds it."""
        with self._errors():
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "locks" / f"{_hashed(key)}.lock")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def staging(self, key: str, listing: str) -> Iterator[Path]:
        """Give the folder in which an object grows, as a killed attempt at the same listing left it.

        The caller holds the key's lock. Another listing of the same key makes the older one's remains worthless. A disk
        that is full or read-only is a CacheError, and then nothing is left.
        """
        home = self.folder / "staging" / _hashed(key)
        path = home / _hashed(listing)
        with self._errors():
            path.mkdir(parents=True, exist_ok=True)
            for other in home.iterdir():
                if other != path:
                    remove(other)
            try:
                yield path
            except (OSError, CacheError):
                remove(home)
                raise
            remove(home)

    def publish(self, staged: Path, digest: str, *, folder: bool) -> Fetched:
        """Make `staged/content` the object of that digest, at once; anything else in `staged` is dropped."""
        content = staged / "content"
        for entry in staged.iterdir():
            if entry != content:
                remove(entry)
        about = {"folder": folder, "bytes": seal(content)}
        (staged / "object.json").write_text(json.dumps(about))
        sync(staged / "object.json")
        sync(staged)
        names = [path.name for path in content.iterdir()]
        home = self._home(digest)
        home.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # the same content was published under another key
            _rename(staged, home)
        sync(home.parent)
        return Fetched(home / "content" if folder else _named(home / "content", names[0]), digest, about["bytes"])

    def seen(self, uri: str) -> Seen | None:
        """What the URI named when it was last looked at, if the object is still here."""
        try:
            record = json.loads(self._listing(uri).read_bytes())
        except FileNotFoundError:
            return None
        seen = Seen(record["digest"], tuple(RemoteFile(*fields) for fields in record["files"]))
        return seen if self._home(seen.digest).exists() else None

    def remember(self, uri: str, seen: Seen) -> None:
        """Note what a URI names now."""
        record = {"digest": seen.digest, "files": [(f.name, f.size, f.tag, f.digest) for f in seen.files]}
        path = self._listing(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(record))
        draft.replace(path)

    def prune(self, max_bytes: int, *, keep: Collection[str] = (), unused_seconds: float = 3600.0) -> int:
        """Remove what was not used for the longest time until the rest has `max_bytes`; return the bytes freed.

        Digests in `keep` stay, and so does what was used within `unused_seconds`. Remains of downloads that nobody has
        continued for a day go as well.
        """
        with self._errors():
            trash = self.folder / "trash"
            self._drop_stale_downloads()
            objects = sorted(self._objects(), key=lambda found: found[1])
            excess = sum(size for _, _, size in objects) - max_bytes
            freed = 0
            for home, used, size in objects:
                if freed >= excess:
                    break
                if f"sha256:{home.name}" in keep or time.time() - used < unused_seconds:
                    continue
                trash.mkdir(exist_ok=True)
                home.rename(trash / home.name)  # gone at once for everybody, whatever becomes of this process
                freed += size
            remove(trash)
            return freed

    def _objects(self) -> Iterator[tuple[Path, float, int]]:
        """Each object's folder, time of last use and size."""
        for about in self.folder.glob("objects/*/object.json"):
            with suppress(FileNotFoundError):
                yield about.parent, about.stat().st_mtime, json.loads(about.read_bytes())["bytes"]

    def _drop_stale_downloads(self) -> None:
        for home in self.folder.glob("staging/*"):
            newest = max((path.stat().st_mtime for path in (home, *home.rglob("*"))), default=0.0)
            if time.time() - newest < _DAY:
                continue
            with suppress(Timeout), FileLock(self.folder / "locks" / f"{home.name}.lock", timeout=0):
                remove(home)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Word what a disk refuses."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise CacheError(f"the disk of the cache {self.folder} is full") from error
            raise CacheError(f"the cache {self.folder} cannot be written: {error.strerror or error}") from error

    def _home(self, digest: str) -> Path:
        return self.folder / "objects" / digest.removeprefix("sha256:")

    def _listing(self, uri: str) -> Path:
        return self.folder / "listings" / f"{_hashed(uri)}.json"


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _named(content: Path, name: str | None) -> Path:
    """A single file under the name asked for: a further link to it, or any name it has where links cannot be made."""
    names = sorted(content.iterdir())
    if name is None or content / name in names:
        return names[0] if name is None else content / name
    with suppress(OSError):
        os.link(names[0], content / name)
        return content / name
    return names[0]


def _rename(folder: Path, target: Path) -> None:
    """Rename a folder; FileExistsError where the target is there already."""
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError(target) from error
        raise
