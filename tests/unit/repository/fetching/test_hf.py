"""`hf://` against a stand-in of the hub's endpoints, spoken to by huggingface_hub itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from modelport.repository.cache import Cache
from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"onnx/model.onnx": b"weights" * 100, "onnx/config.json": b"{}", "README.md": b"# a model"}


@dataclass
class Hub:
    """The repository `team/model`, with its large files in LFS."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    token: str | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            self._reply(handler, 401, b'{"error": "Invalid credentials"}')
        elif re.fullmatch(rf"/api/models/team/model/revision/(main|v1|{COMMIT})\?blobs=(?i:true)", handler.path):
            self._reply(handler, 200, json.dumps(self._info()).encode())
        elif match := re.fullmatch(rf"/team/model/resolve/{COMMIT}/(.+)", handler.path):
            self._reply(handler, 200, self.files[match[1]])
        else:
            self._reply(handler, 404, b'{"error": "Repository not found"}')

    def _info(self) -> dict[str, Any]:
        return {"id": "team/model", "sha": COMMIT, "siblings": [self._sibling(*file) for file in self.files.items()]}

    def _sibling(self, name: str, body: bytes) -> dict[str, Any]:
        git = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        sha256 = hashlib.sha256(body).hexdigest()
        lfs = {"lfs": {"sha256": sha256, "size": len(body), "pointerSize": 130}} if name.endswith(".onnx") else {}
        return {"rfilename": name, "size": len(body), "blobId": git, **lfs}

    def _reply(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def credentials(hub: Hub, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> dict[str, str]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    return {"HF_ENDPOINT": serve(hub)}


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        pytest.param("hf://team/model", set(FILES), id="a repository"),
        pytest.param("hf://team/model@v1", set(FILES), id="a revision"),
        pytest.param("hf://team/model/onnx", {"model.onnx", "config.json"}, id="a folder"),
        pytest.param("hf://team/model@main/onnx/", {"model.onnx", "config.json"}, id="a folder of a revision"),
    ],
)
def test_folders(uri: str, names: set[str], credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch(uri, cache=cache, limits=limits, credentials=credentials)
    assert {file.relative_to(fetched.path).as_posix() for file in fetched.path.rglob("*") if file.is_file()} == names


def test_a_single_file(credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch("hf://team/model@v1/onnx/model.onnx", cache=cache, limits=limits, credentials=credentials)
    assert fetched.path.name == "model.onnx"
    assert fetched.path.read_bytes() == FILES["onnx/model.onnx"]


def test_a_commit_is_asked_for_once(hub: Hub, credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    uri = f"hf://team/model@{COMMIT}/onnx"
    fetched = fetch(uri, cache=cache, limits=limits, credentials=credentials)
    hub.asked.clear()
    assert fetch(uri, cache=cache, limits=limits, credentials=credentials) == fetched
    assert hub.asked == []


def test_a_branch_that_moved_is_noticed(
    hub: Hub, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    fetch("hf://team/model", cache=cache, limits=limits, credentials=credentials)
    hub.files["onnx/model.onnx"] = b"new"
    hub.asked.clear()
    fetched = fetch("hf://team/model", cache=cache, limits=limits, credentials=credentials)
    assert (fetched.path / "onnx/model.onnx").read_bytes() == b"new"
    assert [path for path in hub.asked if "resolve" in path] == [f"/team/model/resolve/{COMMIT}/onnx/model.onnx"]


def test_a_gated_model_is_opened_by_the_token(
    hub: Hub, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    hub.token = "hf_secret"
    with pytest.raises(FetchError, match="answered 401"):
        fetch("hf://team/model", cache=cache, limits=limits, credentials=credentials)
    fetched = fetch("hf://team/model", cache=cache, limits=limits, credentials={**credentials, "HF_TOKEN": "hf_secret"})
    assert (fetched.path / "README.md").exists()


def test_bytes_other_than_listed(hub: Hub, credentials: dict[str, str], cache: Cache, limits: FetchLimits) -> None:
    listed = hub._info()
    hub._info = lambda: listed  # type: ignore[method-assign]
    hub.files["onnx/model.onnx"] = b"EVIL!!!" * 100
    with pytest.raises(FetchError, match=r"has the digest sha256:\w+ where sha256:\w+ was expected: onnx/model.onnx"):
        fetch("hf://team/model", cache=cache, limits=limits, credentials=credentials)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        pytest.param("hf://team/other", "answered 404: Repository not found", id="an unknown repository"),
        pytest.param("hf://team/model@v9", "answered 404", id="an unknown revision"),
        pytest.param("hf://team/model/nothing", "holds no file nothing at main", id="an unknown path"),
        pytest.param("hf://model", "is not of the form hf://organization/repository", id="no repository"),
    ],
)
def test_what_is_not_there(
    uri: str, problem: str, credentials: dict[str, str], cache: Cache, limits: FetchLimits
) -> None:
    with pytest.raises(FetchError, match=problem):
        fetch(uri, cache=cache, limits=limits, credentials=credentials)


def test_nobody_listens(cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(Unreachable, match=r"does not answer.*: Connection refused"):
        fetch("hf://team/model", cache=cache, limits=limits, credentials={"HF_ENDPOINT": "http://127.0.0.1:1"})
