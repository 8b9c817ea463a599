"""`gs://` against a small part of the storage JSON API, spoken to by gcsfs itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from modelport.repository.cache import Cache
from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

OBJECTS = {"tableware/1/model.onnx": b"weights" * 100, "tableware/labels.txt": b"bowl\n", "tableware-old/x": b"old"}
MADE = "2026-01-01T00:00:00Z"


@dataclass
class Storage:
    """The bucket `models`; a new generation whenever an object's bytes change."""

    objects: dict[str, bytes] = field(default_factory=lambda: dict(OBJECTS))
    forbidden: bool = False
    ranges: list[str | None] = field(default_factory=list)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if self.forbidden:
            self._reply(handler, 403, {"error": {"code": 403, "message": "sa@example.com has no storage.objects.list"}})
        elif not re.match(r"/(storage|download/storage)/v1/b/models/o", address.path):
            self._reply(handler, 404, {"error": {"code": 404, "message": "The specified bucket does not exist."}})
        elif match := re.fullmatch(r"/storage/v1/b/models/o/(.+)", address.path):
            self._object(handler, unquote(match[1]), media=query.get("alt") == "media")
        elif match := re.fullmatch(r"/download/storage/v1/b/models/o/(.+)", address.path):
            self._object(handler, unquote(match[1]), media=True)
        else:
            self._reply(handler, 200, self._list(query.get("prefix", ""), query.get("pageToken")))

    def _list(self, prefix: str, page: str | None) -> dict[str, Any]:
        """One object a page."""
        names = [name for name in sorted(self.objects) if name.startswith(prefix)]
        number = int(page or 0)
        more = {"nextPageToken": str(number + 1)} if number + 1 < len(names) else {}
        return {"kind": "storage#objects", "items": [self._about(name) for name in names[number : number + 1]], **more}

    def _object(self, handler: BaseHTTPRequestHandler, name: str, *, media: bool) -> None:
        if name not in self.objects:
            self._reply(handler, 404, {"error": {"code": 404, "message": "No such object"}})
        elif not media:
            self._reply(handler, 200, self._about(name))
        else:
            asked = handler.headers.get("Range")
            self.ranges.append(asked)
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "bytes=0-")
            assert match is not None
            body = self.objects[name][int(match[1]) : int(match[2]) + 1 if match[2] else None]
            self._send(handler, 206 if asked else 200, body)

    def _about(self, name: str) -> dict[str, Any]:
        body = self.objects[name]
        about = {"name": name, "bucket": "models", "size": str(len(body)), "generation": str(abs(hash(body)))}
        return {"kind": "storage#object", "updated": MADE, "timeCreated": MADE, **about}

    def _reply(self, handler: BaseHTTPRequestHandler, status: int, document: dict[str, Any]) -> None:
        self._send(handler, status, json.dumps(document).encode())

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def credentials(storage: Storage, serve: Callable[..., str]) -> dict[str, str]:
    return {"STORAGE_EMULATOR_HOST": serve(storage)}


def test_a_folder_of_more_than_one_page(credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch("gs://models/tableware", cache=cache, limits=limits, credentials=credentials)
    found = {file.relative_to(fetched.path).as_posix() for file in fetched.path.rglob("*") if file.is_file()}
    assert found == {"1/model.onnx", "labels.txt"}
    assert (fetched.path / "1/model.onnx").read_bytes() == OBJECTS["tableware/1/model.onnx"]


def test_a_single_object(credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch("gs://models/tableware/labels.txt", cache=cache, limits=limits, credentials=credentials)
    assert fetched.path.read_bytes() == b"bowl\n"


def test_an_object_comes_in_parts(
    storage: Storage, credentials: dict[str, str], cache: Cache, limits: FetchLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelport.repository.sources.bucket._PART", 300)
    monkeypatch.setattr("modelport.repository.sources.bucket.CHUNK", 100)
    uri = "gs://models/tableware/1/model.onnx"
    fetched = fetch(uri, cache=cache, limits=limits, credentials=credentials)
    assert fetched.path.read_bytes() == OBJECTS["tableware/1/model.onnx"]
    assert len(storage.ranges) == 3


def test_a_new_generation_is_noticed(
    storage: Storage, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    fetch("gs://models/tableware", cache=cache, limits=limits, credentials=credentials)
    storage.objects["tableware/labels.txt"] = b"cup!\n"
    storage.ranges.clear()
    fetched = fetch("gs://models/tableware", cache=cache, limits=limits, credentials=credentials)
    assert (fetched.path / "labels.txt").read_bytes() == b"cup!\n"
    assert len(storage.ranges) == 1, "the other object was unchanged"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        pytest.param("gs://models/nothing", "answered 404", id="object"),
        pytest.param("gs://no-such-bucket/x", "answered 404", id="bucket"),
    ],
)
def test_what_is_not_there(
    uri: str, problem: str, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    with pytest.raises(FetchError, match=problem):
        fetch(uri, cache=cache, limits=limits, credentials=credentials)


def test_forbidden_says_who(storage: Storage, credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    storage.forbidden = True
    with pytest.raises(FetchError, match=r"answered 403 .*sa@example.com has no storage.objects.list"):
        fetch("gs://models/tableware/", cache=cache, limits=limits, credentials=credentials)


def test_a_key_that_is_no_json(cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(FetchError, match="GOOGLE_APPLICATION_CREDENTIALS_JSON is not a JSON object"):
        fetch(
            "gs://models/x",
            cache=cache,
            limits=limits,
            credentials={"GOOGLE_APPLICATION_CREDENTIALS_JSON": "/path.json"},
        )


def test_nobody_listens(cache: Cache, limits: FetchLimits, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_sleep(*_: Any) -> None:
        pass

    monkeypatch.setattr("gcsfs.retry.asyncio.sleep", no_sleep)
    with pytest.raises(Unreachable, match=r"does not answer.*: Connection refused"):
        fetch("gs://models/x", cache=cache, limits=limits, credentials={"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"})
