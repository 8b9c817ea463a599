"""The public port's HTTP, byte by byte: order, refusals, bodies, and the end of a connection."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelport.gateway.http import BrokenBody, Handler, LargeBody, Request, Response, connection, listener, listening

LIMIT = 1000
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Port:
    """A listener and its end."""

    address: tuple[str, int]
    stack: AsyncExitStack
    asked: list[Request] = field(default_factory=list)

    async def connect(self) -> Streams:
        return await asyncio.open_connection(*self.address)

    async def send(self, *pieces: bytes) -> bytes:
        """Send bytes on a new connection and return all that comes back until it is closed."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def start(handler: Handler | None = None, **options: Any) -> Port:
            bound = socket.create_server(("127.0.0.1", 0))
            port = Port(bound.getsockname(), AsyncExitStack())

            async def echo(request: Request) -> Response:
                port.asked.append(request)
                if "x-unread" in request.headers:
                    return Response(401, body=b"no key")
                try:
                    body = await request.read(LIMIT)
                except LargeBody:
                    return Response(413, body=b"too large")
                except BrokenBody:
                    return Response(400, body=b"broken")
                return Response(200, {"X-Method": request.method}, request.path.encode() + b" " + body)

            serving = listening(handler or echo, bound, backlog=16, drain_seconds=2.0, parting_seconds=0.3, **options)
            await port.stack.enter_async_context(serving)
            stack.push_async_callback(port.stack.aclose)
            return port

        yield start


def post(body: bytes = b"abc", *headers: bytes, path: bytes = b"/a", last: bool = True) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: h", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, *([b"Connection: close"] if last else []), b"", b""]) + body


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


async def test_an_answer_has_a_length_a_date_and_the_handlers_headers(start: Any) -> None:
    head, _, body = (await (await start()).send(post())).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nDate: ")
    assert b"\r\nX-Method: POST\r\nContent-Length: 6\r\nConnection: close" in head
    assert body == b"/a abc"


async def test_requests_in_one_segment_are_answered_in_their_order(start: Any) -> None:
    many = [post(b"%d" % number, last=number == 99) for number in range(100)]
    answer = await (await start()).send(b"".join(many))
    assert re.findall(rb"/a (\d+)", answer) == [b"%d" % number for number in range(100)]


async def test_a_request_may_come_byte_by_byte(start: Any) -> None:
    assert (await (await start()).send(*(bytes([byte]) for byte in post()))).endswith(b"/a abc")


async def test_of_two_headers_of_one_name_the_first_counts_and_names_have_no_case(start: Any) -> None:
    port = await start()
    await port.send(post(b"", b"X-Api-KEY: first", b"x-api-key: second"))
    assert port.asked[0].headers["x-api-key"] == "first"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%2Fb?x=1&y=a%20b&x=2&z", "/a%2Fb", {"x": "1", "y": "a b", "z": ""}),
        (b"http://host/p?q=1", "/p", {"q": "1"}),
        (b"http://host", "/", {}),
    ],
)
async def test_the_target_is_split_and_left_encoded(
    start: Any, target: bytes, path: str, query: Mapping[str, str]
) -> None:
    port = await start()
    await port.send(post(path=target))
    assert (port.asked[0].path, port.asked[0].query) == (path, query)


MALFORMED = {
    "no request line": (b"\x00\x01 garbage\r\n\r\n", 400),
    "an unknown version": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "a header with a NUL": (b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "length and chunks": (b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a long header": (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "an unknown expectation": (post(b"abc", b"Expect: wonders"), 417),
}


@pytest.mark.parametrize(("data", "status"), MALFORMED.values(), ids=MALFORMED)
async def test_what_is_no_http_is_refused_after_the_answers_before_it(start: Any, data: bytes, status: int) -> None:
    answer = await (await start()).send(post(last=False) + data)
    assert statuses(answer) == [200, status]
    assert answer.endswith(b"\n")
    assert b"Connection: close" in answer


async def test_a_head_without_an_end_is_refused(start: Any) -> None:
    endless = (b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(400))
    answer = await (await start()).send(b"GET / HTTP/1.1\r\n", *(next(endless) * 10 for _ in range(40)))
    assert statuses(answer) == [431]


async def test_chunks_are_a_body_and_chunks_that_lie_are_a_broken_one(start: Any) -> None:
    port = await start()
    head = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    right = await port.send(
        head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    assert right.endswith(b"/a abc")
    assert statuses(await port.send(head, b"zz\r\nabc\r\n")) == [400]


async def test_a_body_is_asked_for_when_it_is_read(start: Any) -> None:
    reader, writer = await (await start()).connect()
    writer.write(post(b"abc", b"Expect: 100-Continue")[:-3])
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert (await reader.read()).endswith(b"/a abc")
    writer.close()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (post(b"abc", b"Expect: 100-continue", b"X-Unread: 1", last=False)[:-3], 401),
        (post(b"", b"Expect: 100-continue", last=False).replace(b"Length: 0", b"Length: %d" % (LIMIT + 1)), 413),
    ],
    ids=["one that is not read", "one that is too large"],
)
async def test_a_body_that_is_not_wanted_is_not_asked_for(start: Any, request_head: bytes, status: int) -> None:
    reader, writer = await (await start()).connect()
    writer.write(request_head)
    answer = await asyncio.wait_for(reader.read(), 4)
    assert statuses(answer) == [status]
    assert b"Connection: close" in answer
    writer.close()


async def test_who_does_not_wait_to_be_asked_is_not_asked(start: Any) -> None:
    for header, body, status in ((b"X-Read: 1", b"abc", 200), (b"X-Unread: 1", b"x" * 100, 401)):
        whole = post(body, b"Expect: 100-continue", header)
        assert statuses(await (await start()).send(whole[:-2], whole[-2:])) == [status]


async def test_an_unread_body_does_not_disturb_the_next_request(start: Any) -> None:
    answer = await (await start()).send(
        post(b"x" * 5_000_000, b"X-Unread: 1", last=False), post(b"x" * (LIMIT + 1), last=False), post()
    )
    assert statuses(answer) == [401, 413, 200]


async def test_a_body_nobody_wants_holds_the_connection_for_a_moment_only(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.1)
    answer = await (await start()).send(post(b"x" * 100, b"X-Unread: 1", last=False)[:-50])
    assert statuses(answer) == [401]


async def test_a_body_that_nobody_reads_yet_is_left_in_the_socket(start: Any) -> None:
    begun, go, size = asyncio.Event(), asyncio.Event(), 8_000_000

    async def slow(request: Request) -> Response:
        begun.set()
        await go.wait()
        held = request.held
        assert await request.read(size) == b"x" * size
        return Response(body=b"%d" % held)

    reader, writer = await (await start(slow)).connect()
    writer.write(post(b"x" * size))
    await begun.wait()
    await asyncio.sleep(0.1)
    go.set()
    answer = await reader.read()
    assert int(answer.rpartition(b"\n")[2]) <= 2 * connection.READ_BUFFER_BYTES
    writer.close()


async def test_head_has_the_length_and_no_body(start: Any) -> None:
    answer = await (await start()).send(b"HEAD /abc HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("header", "stays"), [(b"", False), (b"Connection: keep-alive\r\n", True)])
async def test_http_1_0_is_closed_unless_it_asks_to_stay(start: Any, header: bytes, stays: bool) -> None:
    reader, writer = await (await start()).connect()
    writer.write(b"GET /a HTTP/1.0\r\n" + header + b"\r\n")
    head = await reader.readuntil(b"/a ")
    assert (b"Connection: keep-alive" in head) is stays
    if stays:
        writer.write(b"GET /b HTTP/1.0\r\n\r\n")
    assert ((await reader.read()).endswith(b"/b ")) is stays
    writer.close()


OFFER = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAE")


async def test_an_offer_to_upgrade_is_declined_and_the_body_read(start: Any) -> None:
    chunked = b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + b"\r\n".join(OFFER) + b"\r\n\r\n"
    answer = await (await start()).send(
        post(b"abc", *OFFER, last=False)[:-1],
        b"c" + b"GET /b HTTP/1.1\r\n" + b"\r\n".join(OFFER) + b"\r\n\r\n" + chunked + b"2\r\nde\r\n0\r\n\r\n" + post(),
    )
    assert statuses(answer) == [200] * 4
    assert re.findall(rb"/[abc] [a-z]*", answer) == [b"/a abc", b"/b ", b"/c de", b"/a abc"]


async def test_a_tunnel_is_answered_and_not_begun(start: Any) -> None:
    answer = await (await start()).send(b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n" + post())
    assert (statuses(answer), b"Connection: close" in answer) == ([200], True)


async def test_a_large_answer_to_a_slow_reader_arrives_whole(start: Any) -> None:
    async def large(request: Request) -> Response:
        return Response(body=b"x" * 20_000_000)

    reader, writer = await (await start(large)).connect()
    writer.write(post(b"", last=False) + post(b""))
    await asyncio.sleep(0.1)
    answer = await reader.read()
    assert (statuses(answer), answer.count(b"x")) == ([200, 200], 40_000_000)
    writer.close()


async def test_a_client_that_leaves_takes_its_request_with_it(start: Any) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(request: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    _, writer = await (await start(endless)).connect()
    writer.write(post())
    await begun.wait()
    writer.close()
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_handler_that_fails_is_an_answer(start: Any) -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("/secret/path.py")

    answer = await (await start(broken)).send(post())
    assert statuses(answer) == [500]
    assert b"secret" not in answer


async def test_a_header_with_a_line_break_is_not_sent(start: Any) -> None:
    async def split(request: Request) -> Response:
        return Response(200, {"X": "a\r\nSet-Cookie: b"})

    answer = await (await start(split)).send(post())
    assert (statuses(answer), b"Set-Cookie" in answer) == ([500], False)


async def test_at_the_end_what_was_begun_is_finished_and_idle_connections_close(start: Any) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        begun.set()
        await go.wait()
        return Response(body=b"done")

    port = await start(slow)
    idle, other = await port.connect()
    reader, writer = await port.connect()
    writer.write(post(last=False))
    await begun.wait()
    ending = asyncio.create_task(port.stack.aclose())
    assert await asyncio.wait_for(idle.read(), 5) == b""
    with pytest.raises(ConnectionRefusedError):
        await port.connect()
    go.set()
    answer = await reader.read()
    await ending
    other.close()
    writer.close()
    assert (statuses(answer), answer.endswith(b"done")) == ([200], True)
    assert b"Connection: close" in answer


async def test_silent_connections_are_closed_in_time(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "KEEPALIVE_SECONDS", 0.2)
    monkeypatch.setattr(listener, "SWEEP_SECONDS", 0.05)
    assert await (await start()).send(b"POST / HT") == b""


async def test_at_the_end_a_connection_that_stays_open_is_answered_once_more_and_told(start: Any) -> None:
    port = await start()
    reader, writer = await asyncio.open_connection(*port.address)
    writer.write(post(last=False))
    assert b"Connection: close" not in await reader.readuntil(b"/a abc")
    ending = asyncio.create_task(port.stack.aclose())
    await asyncio.sleep(0.1)
    writer.write(post(last=False))
    answer = await reader.read()
    assert (statuses(answer), b"Connection: close" in answer) == ([200], True)
    await ending
    writer.close()


def refuse(request: Request) -> Response | None:
    return Response(503, body=b"full") if "x-full" in request.headers else None


async def test_what_is_refused_by_its_head_never_comes_to_the_handler_and_keeps_its_place(start: Any) -> None:
    port = await start(refuse=refuse)
    full = [b"X-Full: 1"]
    pieces = [post(b"1", *full, last=False), post(b"2", last=False), post(b"3", *full, last=False), post(b"4")]

    assert statuses(await port.send(b"".join(pieces))) == [503, 200, 503, 200]
    assert statuses(await port.send(*pieces)) == [503, 200, 503, 200]
    assert statuses(await port.send(post(b"1", *full), post(b"2"))) == [503]
    assert len(port.asked) == 4


async def test_a_refused_request_whose_body_is_on_its_way_is_the_handlers(start: Any) -> None:
    port = await start(refuse=refuse)
    request = post(b"abc", b"X-Full: 1")

    assert statuses(await port.send(request[:-1], request[-1:])) == [200]
    assert len(port.asked) == 1
