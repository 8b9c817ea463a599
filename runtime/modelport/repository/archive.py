"""Archives from untrusted places, unpacked into a folder of plain files, or refused.

Bytes decide what is an archive: a zip, or a tar, plain or compressed by gzip, bzip2 or xz. Model formats that are zips
inside (TorchScript, NNP, Keras, npz) are models, not archives. Every bound is checked while writing, never by what a
header says. Links become further names of the files that they lead to; a link that leads elsewhere is an error.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from modelport.repository.disk import sync
from modelport.repository.limits import FetchLimits
from modelport.repository.paths import Names, UnsafePath, relative_path, shown
from modelport.repository.sources.base import CHUNK

RATIO_APPLIES_FROM = 64 * 2**20
"""Unpacked bytes below which any ratio is fine: small models may hold many zeros."""

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_DECOMPRESSORS: Mapping[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": cast(Callable[[Path], IO[bytes]], gzip.GzipFile),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_MODEL_MEMBERS = frozenset({"data.pkl", "nnp_version.txt", "model.weights.h5"})
"""Files by which a zip is known as TorchScript, NNP or Keras, at its top or one folder below."""

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    gzip.BadGzipFile,
    NotImplementedError,
)
_BLOCK = tarfile.BLOCKSIZE
_EXECUTABLE = stat.S_IXUSR


class UnsafeArchive(Exception):
    """An archive that is damaged or may do harm; the text is the reason, to follow the archive's name."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A file, a folder or a link of either kind of archive."""

    name: str
    kind: str
    """`file`, `folder` or `link`."""
    open: Callable[[], IO[bytes]]
    """The file's content."""
    target: str = ""
    """Of a link, relative to the archive's root."""
    executable: bool = False


def is_archive(path: Path, name: str) -> bool:
    """Whether a file is to be unpacked; raise UnsafeArchive where its name promises an archive that it is not."""
    if _reader(path) is not None:
        return True
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(_ZSTD_MAGIC):
        raise UnsafeArchive("is compressed by zstd; pack the model as .tar.gz or .zip")
    if name.lower().endswith(_SUFFIXES):
        raise UnsafeArchive(f"has the name of an archive, {shown(name)}, and is none: it begins with {head!r}")
    return False


def unpack(archive: Path, folder: Path, limits: FetchLimits) -> None:
    """Unpack into an empty folder; raise UnsafeArchive with what is wrong, and then the folder is to be thrown away."""
    read = _reader(archive)
    if read is None:
        raise UnsafeArchive("is no archive")
    try:
        _write(read(archive), folder, _Budget(archive.stat().st_size, limits))
    except UnsafePath as error:
        raise UnsafeArchive(f"is not unpacked: {error}") from error
    except _DAMAGE as error:
        raise UnsafeArchive(f"is a damaged archive: {error or 'it ends too early'}") from error


class _Budget:
    """What an archive may still bring forth."""

    def __init__(self, packed: int, limits: FetchLimits) -> None:
        self._limits = limits
        self._ratio_bytes = max(RATIO_APPLIES_FROM, packed * limits.ratio)
        self._bytes = 0
        self._members = 0

    def add_member(self) -> None:
        self._members += 1
        if self._members > self._limits.files:
            raise UnsafeArchive(f"holds more than {self._limits.files:,} files")

    def add_bytes(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._limits.bytes:
            raise UnsafeArchive(f"unpacks to more than the limit of {self._limits.bytes:,} bytes")
        if self._bytes > self._ratio_bytes:
            raise UnsafeArchive(f"unpacks to more than {self._limits.ratio} times its size, as only a bomb does")


def _write(members: Iterator[_Member], folder: Path, budget: _Budget) -> None:
    names, links = Names(), {}
    for member in members:
        budget.add_member()
        if member.kind == "folder":
            (folder / names.add_folder(member.name)).mkdir(parents=True, exist_ok=True)
            continue
        path = names.add_file(member.name)
        if member.kind == "link":
            links[path] = relative_path(member.target)
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        _write_file(member, folder / path, budget)
    for path in links:
        target = folder / _follow(path, links)
        if not target.is_file():
            raise UnsafeArchive(f"is not unpacked: the link {shown(str(path))} leads to no file of the archive")
        budget.add_bytes(target.stat().st_size)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(target, folder / path)
    if not len(names):
        raise UnsafeArchive("holds no files")


def _write_file(member: _Member, path: Path, budget: _Budget) -> None:
    with closing(member.open()) as content, path.open("xb") as file:
        while chunk := content.read(CHUNK):
            budget.add_bytes(len(chunk))
            file.write(chunk)
    if member.executable:
        path.chmod(0o755)
    sync(path)


def _follow(path: PurePosixPath, links: Mapping[PurePosixPath, PurePosixPath]) -> PurePosixPath:
    """The end of a chain of links."""
    seen = set()
    while path in links:
        if path in seen:
            raise UnsafeArchive(f"is not unpacked: the link {shown(str(path))} leads to itself")
        seen.add(path)
        path = links[path]
    return path


def _reader(path: Path) -> Callable[[Path], Iterator[_Member]] | None:
    """The function that lists this archive, None for another file."""
    with path.open("rb") as file:
        head = file.read(_BLOCK)
    if head.startswith(_ZIP_MAGIC):
        return None if _is_model_zip(path) else _zip_members
    try:
        with _open_tar_stream(path, head) as stream:
            tarfile.TarInfo.frombuf(stream.read(_BLOCK), tarfile.ENCODING, "surrogateescape")
    except (*_DAMAGE, OSError):
        return None
    return _tar_members


def _open_tar_stream(path: Path, head: bytes) -> IO[bytes]:
    for magic, opener in _DECOMPRESSORS.items():
        if head.startswith(magic):
            return opener(path)
    return path.open("rb")


def _is_model_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    except zipfile.BadZipFile:
        return False
    if any(name.name in _MODEL_MEMBERS and len(name.parts) <= 2 for name in names):
        return True
    return bool(names) and all(len(name.parts) == 1 and name.suffix == ".npy" for name in names)


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.startswith("__MACOSX/"):
                continue  # macOS's own notes beside the files that were meant
            if info.flag_bits & 0x1:
                raise UnsafeArchive("is encrypted; pack it without a password")
            yield _zip_member(archive, info)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    mode = info.external_attr >> 16

    def content() -> IO[bytes]:
        return archive.open(info)

    if info.is_dir():
        return _Member(info.filename, "folder", content)
    if stat.S_ISLNK(mode):
        with content() as link:
            target = link.read(4096).decode("utf-8", "replace")
        return _Member(info.filename, "link", content, _link_target(info.filename, target))
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UnsafeArchive(f"is not unpacked: {shown(info.filename)} is neither a file, a folder nor a link")
    return _Member(info.filename, "file", content, executable=bool(mode & _EXECUTABLE))


def _tar_members(path: Path) -> Iterator[_Member]:
    with path.open("rb") as file:
        head = file.read(_BLOCK)
    with _open_tar_stream(path, head) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        for info in archive:
            yield _tar_member(archive, info)
        _check_end(archive, stream)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    def content() -> IO[bytes]:
        return cast(IO[bytes], archive.extractfile(info))

    if info.isdir():
        return _Member(info.name, "folder", content)
    if info.issym():
        return _Member(info.name, "link", content, _link_target(info.name, info.linkname))
    if info.islnk():
        return _Member(info.name, "link", content, info.linkname)
    if not info.isfile():
        raise UnsafeArchive(f"is not unpacked: {shown(info.name)} is neither a file, a folder nor a link")
    return _Member(info.name, "file", content, executable=bool(info.mode & _EXECUTABLE))


def _check_end(archive: tarfile.TarFile, stream: IO[bytes]) -> None:
    """Find the true end, zeros or nothing: `tarfile` takes a damaged header for it. Reading on checks a gzip's sum."""
    stream.seek(archive.offset)
    if any(stream.read(_BLOCK)):
        raise tarfile.ReadError(f"no header at byte {archive.offset:,}")
    stream.read(CHUNK)


def _link_target(link: str, target: str) -> str:
    """Where a symbolic link leads, from the archive's root; one that leads out begins with `..`, refused later."""
    return target if target.startswith("/") else os.path.normpath(str(PurePosixPath(link).parent / target))
