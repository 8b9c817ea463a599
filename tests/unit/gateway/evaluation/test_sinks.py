"""Sinks for real: a folder of this machine, and S3 as moto plays it; whole files or none, and failures in words."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from modelport.api.evaluation import Storage
from modelport.gateway.evaluation import sinks
from modelport.gateway.evaluation.finding import File
from modelport.gateway.evaluation.sinks import FolderSink, Sink, Sinks, check_address
from modelport.storage.errors import Reason, StorageError

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG"
PICTURE = File("night/a.jpg", b"\xff\xd8\xff picture", "image/jpeg")


def storage(uri: str, secret: str | None = None) -> Storage:
    block = {"uri": uri} | ({"secretRef": {"name": secret}} if secret else {})
    return Storage.model_validate(block, strict=False)


ADDRESSES = {
    "a scheme that is not written to": ("https://host/x", "has the scheme 'https'; expected s3 or gs"),
    "a bucket without a name": ("s3:///x", "names no bucket"),
    "credentials in the address": ("s3://key:hush@bucket/x", "credentials do not belong into a URI"),
    "a folder of another machine": ("file://host/x", r"expected file:///PATH, with three slashes"),
}


@pytest.mark.parametrize(("uri", "problem"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_at_which_nothing_is_stored(uri: str, problem: str) -> None:
    with pytest.raises(StorageError, match=problem) as caught:
        check_address(uri, folders=True)
    assert caught.value.reason is Reason.UNUSABLE
    assert "hush" not in str(caught.value)


def test_a_folder_is_for_local_runs_only(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder of this machine, for local runs only"):
        Sinks().check(storage(tmp_path.as_uri()))
    Sinks(folders=True).check(storage(tmp_path.as_uri()))


@pytest.mark.parametrize(("scheme", "library", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs")])
def test_a_missing_library_is_named(scheme: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "find_spec", lambda name: None)
    with pytest.raises(
        StorageError, match=rf"needs the Python package '{library}': pip install 'modelport\[{extra}\]'"
    ):
        Sinks().check(storage(f"{scheme}://bucket/x"))


def test_a_secret_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="needs the Secret sink: name the folder of secrets by --secrets DIR"):
        Sinks().check(storage("s3://bucket/x", "sink"))
    with pytest.raises(StorageError, match=r"needs the Secret sink: .*/sink cannot be read"):
        Sinks(secrets=tmp_path).check(storage("s3://bucket/x", "sink"))


def test_a_folder_takes_files_and_makes_its_groups(tmp_path: Path) -> None:
    sink = Sinks(folders=True).open(storage(tmp_path.as_uri()))
    sink.write(PICTURE)
    sink.write(File("b.json", b"{}", "application/json"))
    assert (tmp_path / "night/a.jpg").read_bytes() == PICTURE.content
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.jpg", "b.json", "night"]


def test_a_folder_that_vanished_is_not_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    sink = FolderSink(folder)
    for file in (PICTURE, File("b.json", b"{}", "application/json")):
        with pytest.raises(StorageError, match="cannot be written: No such file or directory") as caught:
            sink.write(file)
        assert caught.value.reason is Reason.MISSING
    assert not folder.exists()
    with pytest.raises(StorageError, match="is no folder that exists"):
        Sinks(folders=True).check(storage(folder.as_uri()))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        pytest.param(errno.ENOSPC, Reason.FULL, id="a full disk"),
        pytest.param(errno.EDQUOT, Reason.FULL, id="a used-up quota"),
        pytest.param(errno.EROFS, Reason.DENIED, id="a disk that is read-only"),
        pytest.param(errno.EIO, Reason.OTHER, id="a broken disk"),
    ],
)
def test_a_disk_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: Reason
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=f"cannot be written: {os.strerror(number)}") as caught:
        FolderSink(tmp_path).write(PICTURE)
    assert caught.value.reason is reason
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_killed_process_leaves_no_half_file(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from modelport.gateway.evaluation.finding import File
from modelport.gateway.evaluation.sinks import FolderSink
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
FolderSink(Path({str(tmp_path)!r})).write(File("a.jpg", b"picture", "image/jpeg"))
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("a.*")), "only a hidden draft may be left"


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def secrets(tmp_path: Path) -> Callable[[str], Path]:
    """Lay out the Secret `sink` for a store at an address."""

    def write(address: str) -> Path:
        folder = tmp_path / "secrets" / "sink"
        folder.mkdir(parents=True)
        values = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": address}
        for name, value in {**values, "AWS_REGION": "us-east-1"}.items():
            (folder / name).write_text(value + "\n")
        return folder.parent

    return write


@pytest.mark.parametrize("prefix", ["", "/", "/flagged", "/flagged/"])
def test_a_bucket_takes_files(endpoint: str, secrets: Callable[[str], Path], prefix: str) -> None:
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.create_bucket(Bucket="pictures")
    Sinks(secrets=secrets(endpoint)).open(storage(f"s3://pictures{prefix}", "sink")).write(PICTURE)
    stored = client.get_object(Bucket="pictures", Key=f"{prefix.strip('/')}/night/a.jpg".lstrip("/"))
    assert (stored["Body"].read(), stored["ContentType"]) == (PICTURE.content, "image/jpeg")


def test_a_bucket_that_is_not_there(endpoint: str, secrets: Callable[[str], Path]) -> None:
    sink = Sinks(secrets=secrets(endpoint)).open(storage("s3://no-such-bucket/x", "sink"))
    with pytest.raises(StorageError, match="answered 404 NoSuchBucket") as caught:
        sink.write(PICTURE)
    assert caught.value.reason is Reason.MISSING


def answering(status: int, code: str) -> Callable[[Any], None]:
    def answer(handler: Any) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        reply(handler, status, f"<Error><Code>{code}</Code><Message>for {SECRET}</Message></Error>".encode())

    return answer


def reply(handler: Any, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True  # what it sent may not have been read


@pytest.mark.parametrize(
    ("status", "code", "reason", "problem"),
    [
        (403, "AccessDenied", Reason.DENIED, f"answered 403 AccessDenied for key id {KEY}"),
        (503, "SlowDown", Reason.UNREACHABLE, "answered 503 SlowDown"),
        (507, "InsufficientStorage", Reason.FULL, "answered 507 InsufficientStorage"),
        (400, "EntityTooLarge", Reason.OTHER, "answered 400 EntityTooLarge"),
    ],
)
def test_a_store_that_refuses(
    serve: Callable[..., str], secrets: Callable[[str], Path], status: int, code: str, reason: Reason, problem: str
) -> None:
    sink = Sinks(secrets=secrets(serve(answering(status, code)))).open(storage("s3://pictures/x", "sink"))
    with pytest.raises(StorageError) as caught:
        sink.write(PICTURE)
    assert (caught.value.reason, str(caught.value)) == (reason, problem)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param("STALL_SECONDS", id="that says nothing for too long"),
        pytest.param("PUT_SECONDS", id="that takes too long altogether"),
    ],
)
def test_a_store_is_given_up(
    serve: Callable[..., str], secrets: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    released = threading.Event()
    monkeypatch.setattr(sinks, limit, 0.1)
    sink = Sinks(secrets=secrets(serve(lambda _: released.wait(20)))).open(storage("s3://pictures/x", "sink"))
    with pytest.raises(StorageError, match=r"does not answer: .*[Tt]imeout") as caught:
        sink.write(PICTURE)
    released.set()
    assert caught.value.reason is Reason.UNREACHABLE


def test_nobody_listens(secrets: Callable[[str], Path]) -> None:
    with pytest.raises(StorageError, match="does not answer: Connection refused"):
        Sinks(secrets=secrets("http://127.0.0.1:1")).open(storage("s3://pictures/x", "sink")).write(PICTURE)


@pytest.fixture
def open_google(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sink]:
    """A bucket of Google Cloud Storage, played by a function that answers each upload."""

    def open_sink(answer: Callable[[Any], object]) -> Sink:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", serve(answer))
        return Sinks().open(storage("gs://pictures/flagged"))

    return open_sink


def test_a_google_bucket_takes_files(open_google: Callable[..., Sink]) -> None:
    uploads = []

    def answer(handler: Any) -> None:
        uploads.append((handler.path, handler.rfile.read(int(handler.headers["Content-Length"]))))
        reply(handler, 200, b"{}")

    open_google(answer).write(PICTURE)
    ((path, body),) = uploads
    assert path.startswith("/upload/storage/v1/b/pictures/o?")
    assert b'"name": "flagged/night/a.jpg"' in body
    assert b"Content-Type: image/jpeg\n\n" + PICTURE.content + b"\n" in body


@pytest.mark.parametrize(
    ("status", "reason", "problem"),
    [
        (403, Reason.DENIED, r"answered 403 .*sa@example.com may not"),
        (404, Reason.MISSING, r"answered 404: there is no such bucket"),
        (400, Reason.OTHER, r"answered 400: .*sa@example.com may not"),
    ],
)
def test_a_google_bucket_that_refuses(
    open_google: Callable[..., Sink], status: int, reason: Reason, problem: str
) -> None:
    body = b'{"error": {"code": %d, "message": "sa@example.com may not"}}' % status
    with pytest.raises(StorageError, match=problem) as caught:
        open_google(lambda handler: reply(handler, status, body)).write(PICTURE)
    assert caught.value.reason is reason
