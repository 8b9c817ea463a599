"""`s3://` against moto's server: real HTTP, real signatures' headers, the errors that S3 answers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from modelport.repository.cache import Cache
from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG"
_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
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


@pytest.fixture(scope="module")
def client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )


@pytest.fixture
def bucket(client: Any) -> str:
    """A bucket of the test's own, with two versions of a model, labels, and the empty object of a console's folder."""
    name = f"models-{next(_NUMBERS)}"
    client.create_bucket(Bucket=name)
    for key, body in {
        "tableware/": b"",
        "tableware/3/model.onnx": b"three" * 1000,
        "tableware/4/model.onnx": b"four" * 1000,
        "tableware/labels.txt": b"bowl\ncup\n",
        "tableware-old/1/model.onnx": b"old",
    }.items():
        client.put_object(Bucket=name, Key=key, Body=body)
    return name


@pytest.fixture
def credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
    }


@pytest.mark.parametrize("path", ["tableware", "tableware/"])
def test_a_folder_comes_with_all_below_it_and_nothing_beside(
    path: str, bucket: str, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    fetched = fetch(f"s3://{bucket}/{path}", cache=cache, limits=limits, credentials=credentials)
    found = {file.relative_to(fetched.path).as_posix() for file in fetched.path.rglob("*") if file.is_file()}
    assert found == {"3/model.onnx", "4/model.onnx", "labels.txt"}
    assert (fetched.path / "4/model.onnx").read_bytes() == b"four" * 1000


def test_a_single_object(bucket: str, credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch(f"s3://{bucket}/tableware/labels.txt", cache=cache, limits=limits, credentials=credentials)
    assert fetched.path.name == "labels.txt"
    assert fetched.path.read_text() == "bowl\ncup\n"


def test_only_what_changed_is_downloaded_again(
    bucket: str, client: Any, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    uri = f"s3://{bucket}/tableware/"
    old = fetch(uri, cache=cache, limits=limits, credentials=credentials)
    client.put_object(Bucket=bucket, Key="tableware/labels.txt", Body=b"bowl\n")
    new = fetch(uri, cache=cache, limits=limits, credentials=credentials)
    assert (new.path / "labels.txt").read_text() == "bowl\n"
    assert (old.path / "labels.txt").read_text() == "bowl\ncup\n"
    assert (new.path / "4/model.onnx").samefile(old.path / "4/model.onnx")


def test_a_listing_of_more_than_one_page(
    bucket: str, client: Any, credentials: dict[str, str], cache: Cache, limits: FetchLimits, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    fetched = fetch(f"s3://{bucket}/", cache=cache, limits=limits, credentials=credentials)
    assert len([file for file in fetched.path.rglob("*") if file.is_file()]) == 4


def test_an_object_of_several_parts_is_continued(
    bucket: str,
    client: Any,
    credentials: dict[str, str],
    cache: Cache,
    limits: FetchLimits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modelport.repository.sources.bucket._PART", 1000)
    monkeypatch.setattr("modelport.repository.sources.bucket.CHUNK", 500)
    body = bytes(range(250)) * 20
    client.put_object(Bucket=bucket, Key="big", Body=body)
    begins: list[int] = []
    fetch_range = s3fs.S3File._fetch_range

    def unreliable(self: Any, start: int, end: int) -> bytes:
        begins.append(start)
        if begins.count(3000) == 1 and start == 3000:
            raise TimeoutError  # as of a store that stopped sending
        return bytes(fetch_range(self, start, end))

    monkeypatch.setattr(s3fs.S3File, "_fetch_range", unreliable)
    fetched = fetch(f"s3://{bucket}/big", cache=cache, limits=limits, credentials=credentials)
    assert fetched.path.read_bytes() == body
    assert begins.count(0) == 1


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param(
            "{bucket}/nothing/", "answered 404: there is no such object, and none below it|holds no files", id="prefix"
        ),
        pytest.param("{bucket}/nothing", "answered 404: there is no such object, and none below it", id="object"),
        pytest.param("no-such-bucket/x", "answered 404 NoSuchBucket", id="bucket"),
        pytest.param("", "names no bucket", id="no bucket"),
        pytest.param("key:secret@bucket/x", "credentials do not belong into a URI", id="credentials in the URI"),
    ],
)
def test_what_is_not_there(
    path: str, problem: str, bucket: str, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    uri = f"s3://{path.format(bucket=bucket)}"
    with pytest.raises(FetchError, match=problem) as caught:
        fetch(uri, cache=cache, limits=limits, credentials=credentials)
    assert "secret" not in str(caught.value)


def denied(handler: BaseHTTPRequestHandler) -> None:
    """S3's answer to a key that may not read."""
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    handler.send_response(403)
    handler.send_header("Content-Type", "application/xml")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def test_access_denied_names_the_key(
    serve: Callable[..., str], credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(
            "s3://models/tableware/",
            cache=cache,
            limits=limits,
            credentials={**credentials, "AWS_ENDPOINT_URL": serve(denied)},
        )
    assert str(caught.value) == f"download failed: s3://models/tableware/ answered 403 AccessDenied for key id {KEY}"


def test_without_credentials_the_request_goes_unsigned(
    serve: Callable[..., str], cache: Cache, limits: FetchLimits
) -> None:
    signatures = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        signatures.append(handler.headers["Authorization"])
        denied(handler)

    with pytest.raises(FetchError, match="403 AccessDenied for the credentials of this machine, since none were given"):
        fetch("s3://models/x/", cache=cache, limits=limits, credentials={"AWS_ENDPOINT_URL": serve(answer)})
    assert set(signatures) == {None}


def test_nobody_listens(credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(Unreachable, match="does not answer: Connection refused"):
        fetch(
            "s3://models/x/",
            cache=cache,
            limits=limits,
            credentials={**credentials, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        )


def test_a_store_that_stalls_is_given_up(
    serve: Callable[..., str], credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    released = threading.Event()
    stalled = serve(lambda handler: released.wait(10) and None)
    with pytest.raises(Unreachable, match=r"does not answer: .*[Tt]imeout"):
        fetch(
            "s3://models/x/",
            cache=cache,
            limits=replace(limits, stall_seconds=0.1, attempts=1),
            credentials={**credentials, "AWS_ENDPOINT_URL": stalled},
        )
    released.set()
