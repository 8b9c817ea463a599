"""Failures are told apart by status and words, in bounded number; shares add up."""

import errno
import socket

import aiohttp
import pytest

from modelport.loadtest.tally import MAX_FAILURES, MAX_WORDS, Failure, Tally, failed_exchange, failed_reply, words_of


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "queue full"}', "queue full"),
        (b'{"error": "TooLarge", "message": "64 MiB at most"}', "TooLarge: 64 MiB at most"),
        (b'{"error": {"code": "BadRequest", "message": "no image"}}', "no image"),
        (b'{"code": 1, "error": "E", "message": "invalid_api_key."}', "E: invalid_api_key."),
        (b'{"detail": 1}', '{"detail": 1}'),
        (b'["a"]', '["a"]'),
        (b"<html>\r\n  Bad Gateway", "<html> Bad Gateway"),
        (b'{"error": "\\u001b[31mred"}', "[31mred"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"[" * 100_000, "[" * (MAX_WORDS - 1) + "…"),
    ],
    ids=[
        "the string under error",
        "error and message",
        "message below error",
        "a code is no words",
        "an object without words",
        "no object",
        "no JSON",
        "control characters are dropped",
        "no UTF-8",
        "nothing",
        "nested without end",
    ],
)
def test_words_of_an_answer(body, words):
    assert words_of(body) == words


def test_a_reply_is_a_failure_by_its_status_and_words():
    assert failed_reply(503, b'{"error": "busy"}') == Failure("503 Service Unavailable", "busy")
    assert failed_reply(599, b"?") == Failure("599", "?")


def test_an_exchange_is_a_failure_by_its_class():
    assert failed_exchange(TimeoutError(), 0.5) == Failure("Timeout", "no answer within 0.5 s")
    gone = failed_exchange(aiohttp.ServerDisconnectedError(), 1)
    assert gone == Failure("ServerDisconnectedError", "Server disconnected")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError("no number"), "no number"),
    ],
)
def test_an_error_of_the_system_has_the_systems_words(error, words):
    assert failed_exchange(error, 1).words == words


def test_endlessly_different_failures_are_counted_and_not_kept():
    tally = Tally()
    for number in range(3 * MAX_FAILURES):
        tally.fail(Failure("500 Internal Server Error", f"request {number}"))
    assert tally.failed == 3 * MAX_FAILURES
    assert len(tally.failures) == MAX_FAILURES + 1
    assert tally.failures[Failure("500 Internal Server Error", "(other words)")] == 2 * MAX_FAILURES


def test_shares_that_ran_side_by_side_add_up():
    left = Tally(elapsed=2.0, bytes_sent=1, bytes_received=10)
    right = Tally(elapsed=3.0, bytes_sent=2, bytes_received=20)
    left.succeed(0.001)
    right.succeed(0.002)
    right.fail(Failure("Timeout", ""))
    left.merge(right)
    assert (left.successful, left.failed, left.total, left.elapsed) == (2, 1, 3, 3.0)
    assert (left.bytes_sent, left.bytes_received) == (3, 30)
    assert left.latencies.percentile(100) == 0.002
    assert left.rate == pytest.approx(2 / 3)


def test_the_rate_of_nothing_is_zero():
    assert Tally().rate == 0.0
