"""Archives: what is one, what comes out, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from modelport.repository import archive as module
from modelport.repository.archive import UnsafeArchive, is_archive, unpack
from modelport.repository.cache import Cache
from modelport.repository.digest import file_digest
from modelport.repository.errors import FetchError
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, body: bytes = b"x", **fields: object) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, body


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    return member(name, b"", type=kind, linkname=target)


def tar(*members: Member) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, body in members:
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, body in files:
            archive.writestr(name, body)
    return buffer.getvalue()


def zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


GOOD = (member("model/1/model.onnx", b"weights"), member("model/labels.txt", b"bowl\n"))


def unpacked(body: bytes, tmp_path: Path, limits: FetchLimits) -> dict[str, bytes]:
    """Unpack, and read what is there then."""
    path, folder = tmp_path / "packed", tmp_path / "folder"
    path.write_bytes(body)
    folder.mkdir()
    unpack(path, folder, limits)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(tar(*GOOD), id="tar"),
        pytest.param(gzip.compress(tar(*GOOD)), id="tar.gz"),
        pytest.param(bz2.compress(tar(*GOOD)), id="tar.bz2"),
        pytest.param(lzma.compress(tar(*GOOD)), id="tar.xz"),
        pytest.param(zipped(("model/1/model.onnx", b"weights"), ("model/labels.txt", b"bowl\n")), id="zip"),
        pytest.param(
            zipped(("model/1/model.onnx", b"weights"), ("model/labels.txt", b"bowl\n"), ("__MACOSX/._model", b"junk")),
            id="zip of macOS",
        ),
        pytest.param(tar(member("./", b"", type=tarfile.DIRTYPE), *GOOD), id="tar with the folder itself"),
        pytest.param(tar(*GOOD)[:2048], id="tar without its trailer"),
    ],
)
def test_every_kind_gives_the_same_files(body: bytes, tmp_path: Path, limits: FetchLimits) -> None:
    assert unpacked(body, tmp_path, limits) == {"model/1/model.onnx": b"weights", "model/labels.txt": b"bowl\n"}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param((member("a"), link("b", "a")), id="a symbolic link"),
        pytest.param((link("b", "a"), member("a")), id="a link before its file"),
        pytest.param((member("a"), link("c", "a"), link("b", "c")), id="a link to a link"),
        pytest.param((member("a"), link("b", "a", tarfile.LNKTYPE)), id="a hard link"),
    ],
)
def test_links_inside_become_files(members: tuple[Member, ...], tmp_path: Path, limits: FetchLimits) -> None:
    found = unpacked(tar(*members), tmp_path, limits)
    assert found["a"] == found["b"] == b"x"
    assert not any(path.is_symlink() for path in (tmp_path / "folder").rglob("*"))


def test_a_link_up_and_down_again(tmp_path: Path, limits: FetchLimits) -> None:
    found = unpacked(tar(member("3/model.onnx"), link("latest/model.onnx", "../3/model.onnx")), tmp_path, limits)
    assert found["latest/model.onnx"] == b"x"


def test_programs_stay_programs_and_nothing_else_does(tmp_path: Path, limits: FetchLimits) -> None:
    unpacked(tar(member("run", mode=0o6755), member("model", mode=0o644)), tmp_path, limits)
    modes = {name: stat.S_IMODE((tmp_path / "folder" / name).stat().st_mode) for name in ("run", "model")}
    assert modes["run"] & 0o111
    assert not modes["run"] & 0o6000
    assert not modes["model"] & 0o111


ATTACKS = {
    "an absolute name": (tar(member("/etc/passwd")), "is absolute"),
    "a name that leads out": (tar(member("../evil")), "leads out of its folder"),
    "a name that leads out later": (tar(member("a/../../evil")), "leads out of its folder"),
    "a name of Windows": (zipped(("a\\..\\evil", b"x")), "no file name should have|leads out"),
    "a name with a line break": (tar(member("a\nb")), "no file name should have"),
    "a name too long": (tar(member("a" * 300)), "is too long"),
    "a name twice": (tar(member("a"), member("a")), "stands there twice"),
    "a name twice, spelled otherwise": (tar(member("a"), member("./a")), "stands there twice"),
    "a file that is a folder too": (tar(member("a"), member("a/b")), "both a file and a folder"),
    "a folder that is a file too": (tar(member("a/b"), member("a")), "both a file and a folder"),
    "a link that leads out": (tar(link("a", "../../etc/passwd")), "leads out of its folder"),
    "a link to the root": (tar(link("a", "/etc/passwd")), "is absolute"),
    "a hard link that leads out": (tar(link("a", "../evil", tarfile.LNKTYPE)), "leads out of its folder"),
    "a link to nothing": (tar(link("a", "b")), "leads to no file of the archive"),
    "a link to itself": (tar(link("a", "a")), "leads to itself"),
    "links in a circle": (tar(link("a", "b"), link("b", "a")), "leads to itself"),
    "a link to a folder": (tar(member("d/x"), link("a", "d")), "leads to no file of the archive"),
    "a file written through a link": (tar(link("d", "/tmp"), member("d/evil")), "is absolute|both a file and a folder"),
    "a device": (tar(member("a", b"", type=tarfile.CHRTYPE)), "neither a file, a folder nor a link"),
    "a pipe": (tar(member("a", b"", type=tarfile.FIFOTYPE)), "neither a file, a folder nor a link"),
    "a name of a zip that leads out": (zipped(("../evil", b"x")), "leads out of its folder"),
    "an absolute name of a zip": (zipped(("/evil", b"x")), "is absolute"),
    "a link of a zip that leads out": (zipped((zip_entry("a", 0o120777), b"../evil")), "leads out of its folder"),
    "a device of a zip": (zipped((zip_entry("a", 0o020644), b"")), "neither a file, a folder nor a link"),
    "nothing at all": (zipped(), "holds no files"),
    "only folders": (tar(member("a/", b"", type=tarfile.DIRTYPE)), "holds no files"),
    "a tar that ends in a file": (tar(member("a", b"x" * 2000))[:1500], "is a damaged archive"),
    "a gzip that ends too early": (gzip.compress(tar(member("a", os.urandom(9000))))[:-4000], "is a damaged archive"),
    "a gzip with a wrong sum": (gzip.compress(tar(member("a")))[:-8] + b"\0" * 8, "is a damaged archive"),
    "a damaged header in the middle": (
        tar(member("a"), member("b")).replace(b"b\0\0\0", b"c\0\0\0", 1),
        "is a damaged",
    ),
    "a zip that ends too early": (zipped(("a", b"x" * 999))[:-10], "is a damaged archive"),
    "a zip with wrong bytes": (
        zipped(("a", b"x" * 999), compression=zipfile.ZIP_STORED).replace(b"xxxx", b"xyxx"),
        "is a damaged archive",
    ),
}


@pytest.mark.parametrize(("body", "problem"), ATTACKS.values(), ids=ATTACKS)
def test_attacks_and_accidents(body: bytes, problem: str, tmp_path: Path, limits: FetchLimits) -> None:
    with pytest.raises(UnsafeArchive, match=problem):
        unpacked(body, tmp_path, limits)
    assert {path.name for path in tmp_path.iterdir()} == {"packed", "folder"}


def test_an_encrypted_zip(tmp_path: Path, limits: FetchLimits) -> None:
    body = bytearray(zipped(("a", b"x")))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(signature) + flags] |= 1
    with pytest.raises(UnsafeArchive, match="is encrypted"):
        unpacked(bytes(body), tmp_path, limits)


@pytest.mark.parametrize(
    ("body", "changes", "problem"),
    [
        pytest.param(tar(*(member(str(n)) for n in range(9))), {"files": 8}, "more than 8 files", id="many files"),
        pytest.param(zipped(("a", b"\0" * 9999)), {"bytes": 9998}, "limit of 9,998 bytes", id="much of one file"),
        pytest.param(
            gzip.compress(tar(member("a", b"\0" * 99999))), {"ratio": 50}, "more than 50 times its size", id="a bomb"
        ),
        pytest.param(
            tar(member("a", b"x" * 600), link("b", "a"), link("c", "a")),
            {"bytes": 1200},
            "limit of 1,200",
            id="by links",
        ),
    ],
)
def test_bounds(
    body: bytes,
    changes: dict[str, int],
    problem: str,
    tmp_path: Path,
    limits: FetchLimits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RATIO_APPLIES_FROM", 10_000)
    with pytest.raises(UnsafeArchive, match=problem):
        unpacked(body, tmp_path, replace(limits, **changes))


def test_a_size_in_a_header_is_not_believed(tmp_path: Path, limits: FetchLimits) -> None:
    """The zip says that its file has one byte; it has many."""
    body = zipped(("a", b"\0" * 100_000))
    lie = body.replace((100_000).to_bytes(4, "little"), (1).to_bytes(4, "little"))
    with pytest.raises(UnsafeArchive, match=r"is a damaged archive|limit of"):
        unpacked(lie, tmp_path, replace(limits, bytes=50_000))


@pytest.mark.parametrize(
    ("body", "name", "packed"),
    [
        pytest.param(zipped(("model.onnx", b"x")), "download", True, id="a zip by any name"),
        pytest.param(gzip.compress(tar(*GOOD)), "model.bin", True, id="a tar by any name"),
        pytest.param(zipped(("m/data.pkl", b"x"), ("m/version", b"3")), "model.pt", False, id="TorchScript"),
        pytest.param(zipped(("nnp_version.txt", b"0.1"), ("network.nntxt", b"x")), "model.nnp", False, id="NNP"),
        pytest.param(zipped(("w.npy", b"x"), ("b.npy", b"x")), "weights.npz", False, id="npz"),
        pytest.param(gzip.compress(b"bowl\n"), "labels.txt.gz", False, id="a compressed file"),
        pytest.param(b"\x08\x07onnx", "model.onnx", False, id="a model"),
        pytest.param(b"", "empty", False, id="an empty file"),
    ],
)
def test_what_is_an_archive(body: bytes, name: str, packed: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(body)
    assert is_archive(tmp_path / "file", name) is packed


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(
            b"<!DOCTYPE html><html>", "has the name of an archive, 'model.tar.gz', and is none", id="a login page"
        ),
        pytest.param(b"\x28\xb5\x2f\xfd123", "is compressed by zstd", id="zstd"),
    ],
)
def test_what_only_says_that_it_is_one(body: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(body)
    with pytest.raises(UnsafeArchive, match=problem):
        is_archive(tmp_path / "file", "model.tar.gz")


def test_fetched_archives_come_unpacked_and_keep_their_digest(
    tmp_path: Path, cache: Cache, limits: FetchLimits
) -> None:
    (tmp_path / "model.zip").write_bytes(zipped(("model/1/model.onnx", b"weights")))
    fetched = fetch(str(tmp_path / "model.zip"), cache=cache, limits=limits)
    assert (fetched.path / "model/1/model.onnx").read_bytes() == b"weights"
    assert fetched.digest == file_digest(tmp_path / "model.zip")
    (tmp_path / "model.zip").unlink()
    assert fetch("file:///gone/model.zip", cache=cache, digest=fetched.digest) == fetched


def test_a_refused_archive_leaves_nothing(tmp_path: Path, cache: Cache, limits: FetchLimits) -> None:
    (tmp_path / "model.tar").write_bytes(tar(member("ok"), member("../evil")))
    with pytest.raises(FetchError, match=r"model.tar is not unpacked: the name '../evil' leads out of its folder"):
        fetch(str(tmp_path / "model.tar"), cache=cache, limits=limits)
    assert not [path for path in cache.folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
