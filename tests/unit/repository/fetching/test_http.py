"""Downloads from servers as they are: they break off, ignore what they are asked, lie, stall, and send in circles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from modelport.repository.cache import Cache
from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.fetch import fetch
from modelport.repository.limits import FetchLimits

Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]


def test_a_file_comes_whole_under_its_own_name(web: Any, cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch(web.url, cache=cache, limits=limits)
    assert fetched.path.name == "model.onnx"
    assert fetched.path.read_bytes() == web.body
    assert fetched.bytes == len(web.body)


def test_an_unchanged_file_is_not_downloaded_again(web: Any, cache: Cache, limits: FetchLimits) -> None:
    first = fetch(web.url, cache=cache, limits=limits)
    assert fetch(web.url, cache=cache, limits=limits) == first
    assert web.sent == [0]


def test_with_a_known_digest_nothing_is_asked(web: Any, cache: Cache, limits: FetchLimits) -> None:
    digest = fetch(web.url, cache=cache, limits=limits).digest
    web.asked.clear()
    assert fetch(web.url, cache=cache, limits=limits, digest=digest).digest == digest
    assert web.asked == []


def test_a_changed_file_is_downloaded_again(web: Any, cache: Cache, limits: FetchLimits) -> None:
    old = fetch(web.url, cache=cache, limits=limits)
    web.body, web.etag = b"new", '"2"'
    new = fetch(web.url, cache=cache, limits=limits)
    assert new.path.read_bytes() == b"new"
    assert old.path.exists(), "who serves the old one goes on"


def test_a_file_without_a_validator_is_never_taken_for_unchanged(web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.etag = None
    fetch(web.url, cache=cache, limits=limits)
    web.body = web.body[::-1]
    assert fetch(web.url, cache=cache, limits=limits).path.read_bytes() == web.body


@pytest.mark.parametrize(
    ("settings", "offsets"),
    [
        pytest.param({"cuts": [100_000]}, [0, 100_000], id="a broken connection is continued where it broke"),
        pytest.param(
            {"cuts": [9, 9, 9, 9, 9]}, [0, 9, 18, 27, 36, 45], id="every attempt that brings something counts anew"
        ),
        pytest.param({"cuts": [100_000], "ranges": False}, [0, 0], id="a server without ranges starts anew"),
        pytest.param({"cuts": [100_000], "etag": None}, [0, 0], id="a server without a validator starts anew"),
    ],
)
def test_a_server_that_breaks_off(
    settings: dict[str, Any], offsets: list[int], web: Any, cache: Cache, limits: FetchLimits
) -> None:
    vars(web).update(settings)
    assert fetch(web.url, cache=cache, limits=limits, progress=web.progress).path.read_bytes() == web.body
    assert web.sent == offsets


def test_a_server_that_always_breaks_off_is_given_up(web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.ranges, web.cuts = False, [100_000] * 9
    with pytest.raises(Unreachable, match=r"broke off"):
        fetch(web.url, cache=cache, limits=limits, progress=web.progress)
    assert len(web.sent) == 1 + limits.attempts


def test_a_later_fetch_continues_the_earlier_one(web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.cuts = [100_000, 0, 0, 0]
    with pytest.raises(Unreachable):
        fetch(web.url, cache=cache, limits=limits, progress=web.progress)
    assert fetch(web.url, cache=cache, limits=limits, progress=web.progress).path.read_bytes() == web.body
    assert web.sent[-1] == 100_000


def test_a_file_that_changes_between_two_attempts_comes_whole(web: Any, cache: Cache, limits: FetchLimits) -> None:
    def change() -> None:
        if len(web.sent) == 1:
            web.body, web.etag = web.body[::-1], '"2"'

    web.cuts, web.before_body = [100_000], change
    fetched = fetch(web.url, cache=cache, limits=limits, progress=web.progress)
    assert fetched.path.read_bytes() == web.body


def test_a_file_that_never_stops_changing_is_given_up(web: Any, cache: Cache, limits: FetchLimits) -> None:
    def change() -> None:
        web.etag = f'"{len(web.sent) + 1}"'

    web.cuts, web.before_body = [100_000] * 9, change
    with pytest.raises(FetchError, match="changed while it was read"):
        fetch(web.url, cache=cache, limits=limits, progress=web.progress)


@pytest.mark.parametrize(
    ("status", "requests"),
    [
        pytest.param(403, 1, id="forbidden is final"),
        pytest.param(404, 1, id="not found is final"),
        pytest.param(500, 3, id="a failing server is asked again"),
        pytest.param(429, 3, id="a busy server is asked again"),
    ],
)
def test_statuses(status: int, requests: int, web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.statuses = [status] * 9
    with pytest.raises(FetchError, match=f"download failed: {web.url} answered {status} "):
        fetch(web.url, cache=cache, limits=limits)
    assert len(web.asked) == requests


def test_a_server_that_breaks_off_and_then_is_busy(web: Any, cache: Cache, limits: FetchLimits) -> None:
    def once_busy() -> None:
        web.before_body = lambda: None
        web.statuses = [503, 429]

    web.cuts, web.before_body = [100_000], once_busy
    assert fetch(web.url, cache=cache, limits=limits, progress=web.progress).path.read_bytes() == web.body


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        pytest.param(10, "broke off", id="a length beyond the body"),
        pytest.param(-10, "announced|digest", id="a length short of the body"),
    ],
)
def test_a_length_that_is_a_lie(extra: int, match: str, web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.extra_length, web.ranges = extra, False
    digest = "sha256:" + "0" * 64
    with pytest.raises(FetchError, match=match):
        fetch(web.url, cache=cache, limits=limits, digest=digest)


def test_a_wrong_digest_names_both(web: Any, cache: Cache, limits: FetchLimits) -> None:
    right = fetch(web.url, cache=cache, limits=limits).digest
    with pytest.raises(FetchError, match=f"has the digest {right} where sha256:{'0' * 64} was expected"):
        fetch(web.url, cache=cache, limits=limits, digest="sha256:" + "0" * 64)


def test_remains_that_were_damaged_are_downloaded_again(web: Any, cache: Cache, limits: FetchLimits) -> None:
    digest = fetch(web.url, cache=Cache(cache.folder / "other"), limits=limits, progress=web.progress).digest
    web.cuts = [100_000, 0, 0, 0]
    with pytest.raises(Unreachable):
        fetch(web.url, cache=cache, limits=limits, digest=digest)
    (part,) = cache.folder.glob("staging/*/*/parts/0")
    part.write_bytes(b"\0" * 100_000)
    assert fetch(web.url, cache=cache, limits=limits, digest=digest).path.read_bytes() == web.body


def test_a_server_that_stalls_is_given_up(web: Any, cache: Cache, limits: FetchLimits) -> None:
    released = threading.Event()
    web.before_body = lambda: released.wait(10) and None
    with pytest.raises(Unreachable, match="stopped sending"):
        fetch(web.url, cache=cache, limits=replace(limits, stall_seconds=0.05, attempts=1))
    released.set()


def test_nobody_listens(cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(Unreachable, match="cannot be connected to: Connection refused"):
        fetch("http://127.0.0.1:1/model.onnx", cache=cache, limits=limits)


def test_nobody_speaks_tls(web: Any, cache: Cache, limits: FetchLimits) -> None:
    with pytest.raises(FetchError, match=r"cannot be spoken to by TLS: [A-Z_]+$"):
        fetch(web.url.replace("http:", "https:"), cache=cache, limits=limits)


def test_without_the_server_the_last_copy_is_used(web: Any, cache: Cache, limits: FetchLimits) -> None:
    fetched = fetch(web.url, cache=cache, limits=limits)
    web.statuses = [503]
    assert fetch(web.url, cache=cache, limits=limits) == fetched


def test_redirects_in_a_circle(serve: Serve, cache: Cache, limits: FetchLimits) -> None:
    def circle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/again")
        handler.end_headers()

    with pytest.raises(FetchError, match="redirects without end: 3 times"):
        fetch(f"{serve(circle)}/model", cache=cache, limits=limits)


def test_a_redirect_elsewhere_takes_no_credentials_along(
    serve: Serve, web: Any, cache: Cache, limits: FetchLimits
) -> None:
    asked = []

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Authorization"])
        handler.send_response(302)
        handler.send_header("Location", web.url)
        handler.end_headers()

    fetched = fetch(f"{serve(elsewhere)}/model", cache=cache, limits=limits, credentials={"TOKEN": "secret"})
    assert fetched.path.read_bytes() == web.body
    assert set(asked) == {"Bearer secret"}
    assert not any("authorization" in headers for headers in web.asked)


@pytest.mark.parametrize(
    ("userinfo", "credentials", "sent"),
    [
        pytest.param("", {"TOKEN": "t"}, "Bearer t", id="a token"),
        pytest.param("", {"USERNAME": "u", "PASSWORD": "p"}, "Basic dTpw", id="a user and a password"),
        pytest.param("u:p@", {}, "Basic dTpw", id="a user and a password in the address"),
        pytest.param("", {}, None, id="nothing"),
    ],
)
def test_credentials(
    userinfo: str, credentials: dict[str, str], sent: str | None, web: Any, cache: Cache, limits: FetchLimits
) -> None:
    fetch(web.url.replace("//", f"//{userinfo}"), cache=cache, limits=limits, credentials=credentials)
    assert {headers.get("authorization") for headers in web.asked} == {sent}


def test_secrets_are_in_no_message(web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.statuses = [403]
    secret = web.url.replace("//", "//user:pass1@") + "?X-Amz-Signature=sig1"
    with pytest.raises(FetchError) as caught:
        fetch(secret, cache=cache, limits=limits)
    assert str(caught.value) == f"download failed: {web.url}?… answered 403 Forbidden"


def test_an_empty_file_is_a_file(web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.body, web.statuses = b"", [416]
    assert fetch(web.url, cache=cache, limits=limits).bytes == 0


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "not announced"])
def test_a_body_larger_than_the_limit_is_stopped(announced: bool, web: Any, cache: Cache, limits: FetchLimits) -> None:
    web.ranges = web.announce = announced
    with pytest.raises(FetchError, match=r"larger than the limit of 1,000 bytes"):
        fetch(web.url, cache=cache, limits=replace(limits, bytes=1000))
    assert not list(cache.folder.glob("objects/*"))


def test_progress_counts_to_the_end(web: Any, cache: Cache, limits: FetchLimits) -> None:
    seen: list[tuple[str, int, int | None]] = []
    web.cuts = [100_000]
    fetch(
        web.url + "?key=secret",
        cache=cache,
        limits=limits,
        progress=lambda *args: (web.progress(*args), seen.append(args))[1],
    )
    assert seen[-1] == (f"{web.url}?…", len(web.body), len(web.body))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
