"""`oci://` against a small registry of the distribution API, spoken to by oras itself."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from modelport.repository.cache import Cache
from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TITLE = "org.opencontainers.image.title"
UNPACK = "io.deis.oras.content.unpack"


@dataclass
class RegistryServer:
    """Blobs and manifests of the repository `team.a/model`; pulling may need a token, given for a user and password."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, bytes] = field(default_factory=dict)
    login: str | None = None
    """What the token service wants as Authorization."""
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the next blobs break off."""
    ranges: list[str | None] = field(default_factory=list)
    """The Range of every request for a blob."""
    address: str = ""

    def push(self, tag: str, content: list[tuple[bytes, dict[str, str]]], **manifest: Any) -> str:
        described = []
        for body, notes in content:
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            self.blobs[digest] = body
            described.append({"digest": digest, "size": len(body), "mediaType": "x/y", "annotations": notes})
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": described, **manifest}).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.tags[tag] = self.tags[digest] = body
        return digest

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path.startswith("/token"):
            allowed = handler.headers.get("Authorization") == self.login
            self._reply(handler, 200 if allowed else 401, b'{"token": "t0ken"}')
        elif self.login and handler.headers.get("Authorization") != "Bearer t0ken":
            realm = f'Bearer realm="http://{self.address}/token",service="registry",scope="pull"'
            self._reply(handler, 401, b"{}", {"WWW-Authenticate": realm})
        elif match := re.fullmatch(r"/v2/team\.a/model/manifests/(.+)", handler.path):
            body = self.tags.get(match[1])
            self._reply(handler, 404 if body is None else 200, body or b"{}", {"Content-Type": MANIFEST})
        elif match := re.fullmatch(r"/v2/team\.a/model/blobs/(.+)", handler.path):
            self._blob(handler, self.blobs[match[1]])
        else:
            self._reply(handler, 404, b"{}")

    def _blob(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        part = body[begin:]
        handler.send_response(206 if begin else 200)
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        handler.wfile.write(part[: self.cuts.pop(0)] if self.cuts else part)

    def _reply(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def registry(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> RegistryServer:
    monkeypatch.setenv("HOME", str(tmp_path))  # no Docker configuration of this machine
    server = RegistryServer()
    server.address = serve(server).removeprefix("http://")
    return server


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(f"model/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def test_several_titled_layers_are_a_folder(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    registry.push("v1", [(b"weights", {TITLE: "1/model.onnx"}), (b"bowl\n", {TITLE: "labels.txt"})])
    fetched = fetch(f"oci://{registry.address}/team.a/model:v1", cache=cache, limits=limits)
    assert (fetched.path / "1/model.onnx").read_bytes() == b"weights"
    assert (fetched.path / "labels.txt").read_bytes() == b"bowl\n"


def test_one_layer_is_a_file(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    registry.push("latest", [(b"weights", {TITLE: "model.onnx"})])
    fetched = fetch(f"oci://{registry.address}/team.a/model", cache=cache, limits=limits)
    assert fetched.path.name == "model.onnx"
    assert fetched.path.read_bytes() == b"weights"


def test_a_pushed_folder_comes_unpacked(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    registry.push("v1", [(packed(a=b"1", b=b"2"), {TITLE: "model", UNPACK: "true"})])
    fetched = fetch(f"oci://{registry.address}/team.a/model:v1", cache=cache, limits=limits)
    assert {file.name for file in (fetched.path / "model").iterdir()} == {"a", "b"}


def test_a_manifest_named_by_its_digest_is_asked_for_once(
    registry: RegistryServer, cache: Cache, limits: FetchLimits
) -> None:
    digest = registry.push("v1", [(b"weights", {TITLE: "model.onnx"})])
    uri = f"oci://{registry.address}/team.a/model@{digest}"
    fetched = fetch(uri, cache=cache, limits=limits)
    registry.tags.clear()
    assert fetch(uri, cache=cache, limits=limits) == fetched


def test_a_moved_tag_is_noticed(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    uri = f"oci://{registry.address}/team.a/model:v1"
    registry.push("v1", [(b"old", {TITLE: "model.onnx"})])
    fetch(uri, cache=cache, limits=limits)
    registry.push("v1", [(b"new", {TITLE: "model.onnx"})])
    assert fetch(uri, cache=cache, limits=limits).path.read_bytes() == b"new"


def test_a_layer_that_breaks_off_is_continued(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    body = bytes(range(256)) * 12_000
    registry.push("v1", [(body, {TITLE: "model.onnx"})])
    registry.cuts = [2 * 2**20 + 5]
    fetched = fetch(f"oci://{registry.address}/team.a/model:v1", cache=cache, limits=limits)
    assert fetched.path.read_bytes() == body
    assert registry.ranges[0] is None
    assert re.fullmatch(r"bytes=\d{7}-", registry.ranges[1] or "")


@pytest.mark.parametrize(
    ("credentials", "problem"),
    [
        pytest.param({"USERNAME": "u", "PASSWORD": "p"}, None, id="a user and a password are exchanged for a token"),
        pytest.param({"TOKEN": "t0ken"}, None, id="a token is taken as it is"),
        pytest.param({"USERNAME": "u", "PASSWORD": "wrong"}, "answered 401", id="a wrong password"),
        pytest.param({"TOKEN": "wrong"}, "answered 401", id="a wrong token"),
        pytest.param({}, "answered 401", id="nothing"),
    ],
)
def test_a_private_registry(
    credentials: dict[str, str], problem: str | None, registry: RegistryServer, cache: Cache, limits: FetchLimits
) -> None:
    registry.login = "Basic dTpw"
    registry.push("v1", [(b"weights", {TITLE: "model.onnx"})])
    uri = f"oci://{registry.address}/team.a/model:v1"
    if problem is None:
        assert fetch(uri, cache=cache, limits=limits, credentials=credentials).bytes == len(b"weights")
        return
    with pytest.raises(FetchError, match=problem) as caught:
        fetch(uri, cache=cache, limits=limits, credentials=credentials)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "manifest", "problem"),
    [
        pytest.param([], {}, "holds no files", id="no layers"),
        pytest.param([], {"manifests": []}, "is an index of several manifests", id="an index"),
        pytest.param([(b"a", {}), (b"b", {TITLE: "b"})], {}, "has no title to name its file", id="an untitled layer"),
        pytest.param(
            [(b"a", {TITLE: "../a"}), (b"b", {TITLE: "b"})], {}, "leads out of its folder", id="a title that leads out"
        ),
        pytest.param([(b"a", {TITLE: "a"}), (b"b", {TITLE: "a"})], {}, "stands there twice", id="a title twice"),
        pytest.param(
            [(b"a", {TITLE: "a", UNPACK: "true"}), (b"b", {TITLE: "b"})],
            {},
            "mixes the packed folder a",
            id="a mixture",
        ),
        pytest.param([], {"layers": [{"size": 1}]}, "a layer that has no digest", id="a layer without a digest"),
    ],
)
def test_artifacts_that_are_no_models(
    layers: Any, manifest: Any, problem: str, registry: RegistryServer, cache: Cache, limits: FetchLimits
) -> None:
    registry.push("v1", layers, **manifest)
    with pytest.raises(FetchError, match=problem):
        fetch(f"oci://{registry.address}/team.a/model:v1", cache=cache, limits=limits)


def test_a_manifest_other_than_its_digest(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    digest = f"sha256:{'0' * 64}"
    registry.push("v1", [(b"a", {TITLE: "a"})])
    registry.tags[digest] = registry.tags["v1"]
    with pytest.raises(FetchError, match="answered a manifest with the digest sha256:"):
        fetch(f"oci://{registry.address}/team.a/model@{digest}", cache=cache, limits=limits)


def test_a_layer_other_than_its_digest(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    registry.push("v1", [(b"good", {TITLE: "model.onnx"})])
    registry.blobs = dict.fromkeys(registry.blobs, b"evil")
    with pytest.raises(FetchError, match=r"has the digest sha256:\w+ where sha256:\w+ was expected"):
        fetch(f"oci://{registry.address}/team.a/model:v1", cache=cache, limits=limits)
    assert not list(cache.folder.glob("objects/*"))


@pytest.mark.parametrize("uri", ["oci://host", "oci://host/", "oci:///model", "oci://host/model@sha256:12"])
def test_what_is_no_reference(uri: str, cache: Cache) -> None:
    with pytest.raises(FetchError, match="is not of the form oci://registry/repository:tag"):
        fetch(uri, cache=cache)


def test_an_unknown_tag(registry: RegistryServer, cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(FetchError, match="answered 404 Not Found"):
        fetch(f"oci://{registry.address}/team.a/model:v9", cache=cache, limits=limits)


def test_nobody_listens(cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(Unreachable, match=r"does not answer.*: Connection refused"):
        fetch("oci://127.0.0.1:1/team/model:v1", cache=cache, limits=limits)
