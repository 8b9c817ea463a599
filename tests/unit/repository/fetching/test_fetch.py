"""What holds for every source: digests, idempotence, concurrency, kills, full and read-only disks, bounds."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelport.repository.cache import Cache
from modelport.repository.digest import file_digest
from modelport.repository.errors import FetchError
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

FETCH_ONCE = """
import sys
from pathlib import Path
from modelport.repository.fetch import Cache, FetchLimits, fetch
show = lambda uri, done, total: print(done, flush=True)
print("path", fetch(sys.argv[1], cache=Cache(Path(sys.argv[2])), progress=show).path)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with two versions and labels."""
    folder = tmp_path / "model"
    for name, body in {"3/model.onnx": b"three", "4/model.onnx": b"four", "labels.txt": b"bowl\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("uri", ["{}", "file:{}", "file://{}", "file://localhost{}", "{}/"])
def test_a_folder_by_every_spelling(uri: str, model: Path, cache: Cache) -> None:
    fetched = fetch(uri.format(model), cache=cache)
    assert files(fetched.path) == files(model)
    assert fetched.bytes == sum(map(len, files(model).values()))


def test_escapes_in_a_file_uri(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "a b.onnx").write_bytes(b"x")
    assert fetch(f"file://{tmp_path}/a%20b.onnx", cache=cache).path.name == "a b.onnx"


def test_the_digest_of_a_folder_is_the_one_of_coreutils(model: Path, cache: Cache) -> None:
    shell = "find -L . -type f -printf '%P\\0' | xargs -0 sha256sum | LC_ALL=C sort | sha256sum"
    found = subprocess.run(["bash", "-c", shell], cwd=model, capture_output=True, text=True, check=True).stdout.split()[
        0
    ]
    assert fetch(str(model), cache=cache).digest == f"sha256:{found}"


def test_what_is_fetched_is_read_only(model: Path, cache: Cache) -> None:
    fetched = fetch(str(model), cache=cache)
    assert not any(stat.S_IMODE(path.stat().st_mode) & 0o222 for path in fetched.path.rglob("*"))


def test_later_edits_of_the_source_do_not_reach_the_cache(model: Path, cache: Cache) -> None:
    old = fetch(str(model), cache=cache)
    (model / "labels.txt").write_text("edited")
    new = fetch(str(model), cache=cache)
    assert (old.path / "labels.txt").read_text() == "bowl\n"
    assert (new.path / "labels.txt").read_text() == "edited"
    assert old.digest != new.digest


def test_links_in_a_folder_are_followed_and_circles_are_not(model: Path, cache: Cache) -> None:
    (model / "latest").symlink_to("4")
    (model / "4/up").symlink_to("..")
    assert files(fetch(str(model), cache=cache).path)["latest/model.onnx"] == b"four"


def test_one_content_from_two_places_is_stored_once(tmp_path: Path, cache: Cache) -> None:
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(b"same")
    first, second = (fetch(str(tmp_path / name), cache=cache) for name in ("a.onnx", "b.onnx"))
    assert (first.path.name, second.path.name) == ("a.onnx", "b.onnx")
    assert first.path.samefile(second.path)


def test_a_known_digest_needs_no_source(model: Path, cache: Cache) -> None:
    digest = fetch(str(model), cache=cache).digest
    assert fetch("file:///gone", cache=cache, digest=digest).digest == digest


@pytest.mark.parametrize(
    ("digest", "problem"),
    [
        pytest.param("sha256:" + "0" * 64, r"has the digest sha256:\w+ where sha256:0+ was expected", id="another"),
        pytest.param("md5:abc", "the digest 'md5:abc' is not sha256: and 64 hexadecimal digits", id="no digest"),
    ],
)
def test_a_digest_that_does_not_fit(digest: str, problem: str, model: Path, cache: Cache) -> None:
    with pytest.raises(FetchError, match=problem):
        fetch(str(model), cache=cache, digest=digest)
    assert not list(cache.folder.glob("objects/*"))


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        pytest.param(
            "file:///no/such/model", r"cannot be read: No such file or directory \(/no/such/model\)", id="nothing"
        ),
        pytest.param("file://host/model", "names the host 'host'", id="another host"),
        pytest.param("/dev/null", "neither a file nor a folder", id="a device"),
        pytest.param("pvc:claim/model", "is a volume of a cluster", id="a volume"),
        pytest.param("az://container/model", "is in Azure Blob Storage", id="Azure"),
        pytest.param("ftp://host/model", "has the unknown scheme 'ftp'; expected one of file, gs, hf", id="ftp"),
        pytest.param("http:///model", "names no host", id="no host"),
        pytest.param("http://u:secret@[::1/model", "failed: http:… is not a valid URI", id="a broken address"),
        pytest.param("http://host:99999/model", "is not a valid URI", id="a broken port"),
    ],
)
def test_what_cannot_be_fetched(uri: str, problem: str, cache: Cache) -> None:
    with pytest.raises(FetchError, match=problem):
        fetch(uri, cache=cache)


def test_an_empty_folder(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FetchError, match="holds no files"):
        fetch(str(tmp_path / "empty"), cache=cache)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"files": 2}, "holds more than 2 files", id="files"),
        pytest.param({"bytes": 9}, "larger than the limit of 9 bytes", id="bytes"),
    ],
)
def test_bounds(changes: dict[str, int], problem: str, model: Path, cache: Cache) -> None:
    with pytest.raises(FetchError, match=problem):
        fetch(str(model), cache=cache, limits=replace(FetchLimits(), **changes))


def test_a_missing_library_names_the_extra(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for module in ("modelport.repository.sources.s3", "modelport.storage.s3"):  # whoever has imported them before
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(FetchError, match=r"needs the Python package 's3fs': pip install 'modelport\[s3\]'"):
        fetch("s3://models/tableware/", cache=cache)


def test_at_the_same_time_it_is_downloaded_once(web: Any, cache: Cache, limits: FetchLimits) -> None:
    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(lambda _: fetch(web.url, cache=Cache(cache.folder), limits=limits), range(4)))
    assert len(set(fetched)) == 1
    assert web.sent == [0]


def test_killed_in_the_midst_it_goes_on(web: Any, cache: Cache) -> None:
    web.body *= 20
    web.cuts = [2 * 2**20]
    web.extra_length = 0
    first = subprocess.Popen(
        [sys.executable, "-c", FETCH_ONCE, web.url, str(cache.folder)], stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    for line in first.stdout:
        if int(line) >= 2 * 2**20:
            break
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    first.stdout.close()
    assert not list(cache.folder.glob("objects/*"))

    web.cuts = []
    fetched = fetch(web.url, cache=cache)
    assert fetched.path.read_bytes() == web.body
    assert web.sent[0] == 0
    assert web.sent[-1] > 0, "the second fetch went on from where the first was killed"
    assert not list(cache.folder.glob("staging/*"))


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up(model: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelport.repository.transfer._Part.append", full_disk)
    with pytest.raises(FetchError, match=r"cannot be stored: the disk of the cache /.* is full"):
        fetch(str(model), cache=cache)
    assert not [path for path in cache.folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_disk_too_small_from_the_start(model: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("usage", (), {"free": 5})
    monkeypatch.setattr("modelport.repository.fetch.shutil.disk_usage", lambda _: usage)
    with pytest.raises(FetchError, match=r"cannot be stored: 14 bytes are needed and the disk of .* has 5 left"):
        fetch(str(model), cache=cache)


def test_a_cache_that_cannot_be_written(model: Path) -> None:
    with pytest.raises(
        FetchError, match="cannot be stored: the cache /dev/null/cache cannot be written: Not a directory"
    ):
        fetch(str(model), cache=Cache(Path("/dev/null/cache")))


def test_a_read_only_cache_gives_what_it_has(model: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = fetch(str(model), cache=cache)

    def read_only(*_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("os.utime", read_only)
    monkeypatch.setattr("filelock.FileLock.acquire", read_only)
    assert fetch(str(model), cache=cache, digest=fetched.digest) == fetched
    with pytest.raises(FetchError, match="cannot be written: Read-only file system"):
        fetch(str(model), cache=cache)


def test_one_bad_file_stops_the_others(model: Path, cache: Cache) -> None:
    (model / "4/model.onnx").unlink()
    (model / "4/model.onnx").symlink_to("/dev/null")
    with pytest.raises(FetchError, match=r"neither a file nor a folder: 4/model.onnx"):
        fetch(str(model), cache=cache)


def test_a_single_file_has_its_own_digest(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    assert fetch(str(tmp_path / "model.onnx"), cache=cache).digest == file_digest(tmp_path / "model.onnx")
