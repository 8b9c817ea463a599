"""When a refused request is sent again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modelport.client.retries import Retries, parse_retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempt", "status", "retry_after", "pause"),
    [
        (1, 503, 5.0, 5.0),
        (1, 429, 1.0, 1.0),
        (1, 503, None, 0.5),
        (2, 503, None, 1.0),
        (1, 429, None, None),
        (3, 503, 1.0, None),
        (1, 503, 31.0, None),
        (1, 500, 1.0, None),
        (1, 400, None, None),
    ],
    ids=[
        "503 that says when",
        "429 that says when",
        "503 that does not",
        "503 that does not, once more",
        "429 of a used-up quota",
        "the last attempt",
        "a pause that is too long",
        "another server error",
        "a bad request",
    ],
)
def test_pauses(attempt, status, retry_after, pause):
    assert Retries().pause(attempt, status, retry_after) == pause


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 00:01:00 -0000", 60.0),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
