"""What no HTTP client sends, written to the gateway's port byte by byte.

We test these aspects: request lines and headers that are none, lengths and chunks that lie, requests without an end,
many requests in one segment, `Expect: 100-continue`, and clients that leave in the middle. The gateway refuses with a
4xx or answers, and it answers the next client in every case.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATH = b"/v1/models/half_plus_two:predict"
BODY = b'{"instances": [1.0, 2.0, 5.0]}'
RIGHT = {"predictions": [2.5, 3.0, 4.5]}
SECONDS = 10
"""An answer that takes longer is a gateway that hangs."""
INTERNALS = re.compile(rb"Traceback|\.py\b|<html|site-packages", re.IGNORECASE)


class Wire:
    """A connection to the gateway, and the requests that the tests begin with."""

    def __init__(self, url: str, key: str) -> None:
        self._address = (urlsplit(url).hostname, urlsplit(url).port)
        self.key = key.encode()

    def connect(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=SECONDS)

    def head(self, *headers: bytes, path: bytes = PATH) -> bytes:
        lines = (b"POST " + path + b" HTTP/1.1", b"Host: localhost", b"x-api-key: " + self.key, *headers)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def request(self, *headers: bytes, body: bytes = BODY) -> bytes:
        return self.head(b"Content-Length: %d" % len(body), *headers) + body

    def send(self, data: bytes, patience: float = SECONDS) -> bytes:
        """Write bytes and return everything that comes back until the gateway closes, or until patience ends."""
        with self.connect() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was read
                connection.sendall(data)
            connection.settimeout(patience)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionResetError, TimeoutError):  # reset: closed with bytes of ours unread
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def read_answer(connection: socket.socket) -> bytes:
    """Read exactly one answer and return its body."""
    with connection.makefile("rb") as stream:
        assert stream.readline().startswith(b"HTTP/1.1 200 ")
        length = 0
        while (line := stream.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return stream.read(length)


@pytest.fixture(scope="module")
def wire(served) -> Wire:
    return Wire(served.url, served.keys["half_plus_two"])


@pytest.fixture(autouse=True)
def _still_right(wire: Wire) -> Iterator[None]:
    yield
    with wire.connect() as connection:
        connection.sendall(wire.request())
        assert json.loads(read_answer(connection)) == RIGHT


def check_refused(answer: bytes) -> None:
    """An answer, a 4xx, without anything of the inside."""
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
    assert statuses, f"no answer, or none in HTTP: {answer[:200]!r}"
    assert all(400 <= status < 500 for status in statuses), answer[:500]
    assert not INTERNALS.search(answer), answer[:2000]


MALFORMED: Mapping[str, bytes] = {
    "no request line": b"\x00\x01\x02 garbage\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    "a method with control characters": b"G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n",
    "a path with a space": b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    "an endless request line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "a hundred thousand headers": b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 100_000 + b"\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost h\r\n\r\n",
    "a header with a NUL": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
    "a header name with a space": b"GET / HTTP/1.1\r\nHost: h\r\nX Y: 1\r\n\r\n",
    "a negative length": b"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    "a length that is no number": b"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\nContent-Length: 1e3\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "a length beyond all numbers": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n",
    "length and chunks at once": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown transfer encoding": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nabc",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_http_is_refused(wire: Wire, data: bytes) -> None:
    check_refused(wire.send(data))


def test_what_was_malformed_is_not_in_the_log_for_it_may_be_a_key(wire: Wire, served) -> None:
    check_refused(wire.send(b"GET / HTTP/1.1\r\nHost: h\r\nx-api-key: nobodys-business\x00\r\n\r\n"))
    check_refused(wire.send(b"GET /?key=nobodys-business HTTP/9.9\r\n\r\n"))
    assert "nobodys-business" not in served.err
    assert "Traceback" not in served.err


CHUNKS: Mapping[str, bytes] = {
    "a size that is no number": b"zz\r\nabc\r\n0\r\n\r\n",
    "a negative size": b"-1\r\nabc\r\n0\r\n\r\n",
    "a size beyond all numbers": b"f" * 400 + b"\r\nabc\r\n0\r\n\r\n",
    "more bytes than their size": b"1\r\nabcdef\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_chunks_that_lie_are_refused(wire: Wire, chunks: bytes) -> None:
    check_refused(wire.send(wire.head(b"Transfer-Encoding: chunked") + chunks))


def test_a_body_in_chunks_is_a_body(wire: Wire) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    with wire.connect() as connection:
        connection.sendall(wire.head(b"Transfer-Encoding: chunked") + chunks)
        assert json.loads(read_answer(connection)) == RIGHT


@pytest.mark.parametrize("upper", [b"100-continue", b"100-Continue"])
def test_expect_100_continue_is_answered_before_the_body_is_sent(wire: Wire, upper: bytes) -> None:
    with wire.connect() as connection:
        connection.sendall(wire.head(b"Content-Length: %d" % len(BODY), b"Expect: " + upper))
        assert connection.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert json.loads(read_answer(connection)) == RIGHT


def test_an_unknown_expectation_is_refused(wire: Wire) -> None:
    check_refused(wire.send(wire.request(b"Expect: a-miracle", b"Connection: close")))


def test_requests_in_one_segment_are_answered_in_their_order(wire: Wire) -> None:
    bodies = [b'{"instances": [%d.0]}' % number for number in range(20)]
    with wire.connect() as connection:
        connection.sendall(b"".join(wire.request(body=body) for body in bodies[:-1]))
        connection.sendall(wire.request(b"Connection: close", body=bodies[-1]))
        answers = read_all(connection)
    found = [float(value) for value in re.findall(rb'"predictions": \[([0-9.]+)\]', answers)]
    assert found == [number / 2 + 2 for number in range(20)]


def test_a_bad_request_between_good_ones_fails_alone(wire: Wire) -> None:
    good, bad = wire.request(), wire.request(body=b"{")
    with wire.connect() as connection:
        connection.sendall(good + bad + wire.request(b"Connection: close"))
        answers = read_all(connection)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answers) == [b"200", b"400", b"200"]


@pytest.mark.parametrize("part", range(0, 100, 7), ids=lambda part: f"after {part} percent")
def test_a_client_that_leaves_in_mid_request_is_forgotten(wire: Wire, part: int) -> None:
    whole = wire.request()
    for _ in range(5):
        with wire.connect() as connection:
            connection.sendall(whole[: len(whole) * part // 100])


def test_clients_that_leave_before_their_answer_hold_nobody_up(wire: Wire) -> None:
    for _ in range(50):
        with wire.connect() as connection:
            connection.sendall(wire.request() * 10)
            # closed with answers unread: the gateway gets a reset while it writes
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_clients_that_say_nothing_hold_nobody_up(wire: Wire) -> None:
    silent = [wire.connect() for _ in range(200)]
    try:
        with wire.connect() as connection:
            connection.sendall(wire.request())
            assert json.loads(read_answer(connection)) == RIGHT
    finally:
        for connection in silent:
            connection.close()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(data=st.data())
def test_a_request_with_damaged_bytes_anywhere_is_no_5xx(wire: Wire, data: st.DataObject) -> None:
    whole = wire.request(b"Connection: close")
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(start + 8, len(whole))))
    answer = wire.send(whole[:start] + data.draw(st.binary(max_size=6)) + whole[end:], patience=0.2)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
    assert all(status < 500 for status in statuses), answer[:500]
    assert not INTERNALS.search(answer), answer[:2000]
