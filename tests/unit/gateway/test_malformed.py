"""What aiohttp says of malformed requests stays out of the log; what it says of anything else does not."""

import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from modelport.gateway.malformed import MalformedFilter, hold_back_malformed


def record(error: Exception | None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord("aiohttp.server", logging.ERROR, __file__, 1, "Error handling request", (), exc_info)


@pytest.mark.parametrize(
    ("error", "logged"),
    [(BadHttpMessage("x-api-key: sesame\x00"), False), (RuntimeError("a bug"), True), (None, True)],
    ids=["a malformed request", "a bug", "no error"],
)
def test_only_malformed_requests_are_held_back(error: Exception | None, logged: bool) -> None:
    assert MalformedFilter().filter(record(error)) is logged


def test_the_kind_is_told_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "modelport.gateway.malformed"):
        MalformedFilter().filter(record(BadHttpMessage("x-api-key: sesame\x00")))
    assert caplog.messages == ["refused a request that is no HTTP: BadHttpMessage"]


def test_the_filter_stands_before_aiohttps_log_once() -> None:
    hold_back_malformed()
    hold_back_malformed()
    filters = logging.getLogger("aiohttp.server").filters
    assert sum(isinstance(each, MalformedFilter) for each in filters) == 1
