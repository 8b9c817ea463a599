"""What came back: counts, errors by kind, bytes and latencies. Tallies of several clients add up."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus

from modelport.loadtest.histogram import Histogram

MAX_FAILURES = 50
"""Different failures told apart; servers that put a request id into each message would fill the memory otherwise."""
MAX_WORDS = 200
"""Characters of an error's words that are kept."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failed request."""

    kind: str
    """`503 Service Unavailable`, or the class of a connection's error."""
    words: str
    """What the server, or the operating system, said."""


@dataclass(slots=True)
class Tally:
    """The results of a run, or of one client's share of it."""

    successful: int = 0
    failures: Counter[Failure] = field(default_factory=Counter)
    bytes_sent: int = 0
    """Request bodies of answered requests, without headers."""
    bytes_received: int = 0
    """Response bodies as transferred, without headers."""
    latencies: Histogram = field(default_factory=Histogram)
    """Of the successful requests: a server that fails fast is not a fast server."""
    elapsed: float = 0.0
    """Seconds from the first request's start to the last one's end."""

    @property
    def failed(self) -> int:
        """Requests without a 2xx answer."""
        return self.failures.total()

    @property
    def total(self) -> int:
        """Requests that ended, one way or the other."""
        return self.successful + self.failed

    @property
    def rate(self) -> float:
        """Successful requests per second."""
        return self.successful / self.elapsed if self.elapsed else 0.0

    def succeed(self, seconds: float) -> None:
        """Count a 2xx answer."""
        self.successful += 1
        self.latencies.record(seconds)

    def fail(self, failure: Failure) -> None:
        """Count a failed request, by its words as long as there are not too many different ones."""
        if failure not in self.failures and len(self.failures) >= MAX_FAILURES:
            failure = Failure(failure.kind, "(other words)")
        self.failures[failure] += 1

    def merge(self, other: Tally) -> None:
        """Add the share of a client that ran at the same time."""
        self.successful += other.successful
        self.failures.update(other.failures)
        self.bytes_sent += other.bytes_sent
        self.bytes_received += other.bytes_received
        self.latencies.merge(other.latencies)
        self.elapsed = max(self.elapsed, other.elapsed)


def failed_reply(status: int, body: bytes) -> Failure:
    """Classify an answer that is not 2xx."""
    try:
        kind = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        kind = str(status)
    return Failure(kind, words_of(body))


def failed_exchange(error: Exception, timeout: float) -> Failure:
    """Classify a request without an answer; `timeout` is the limit in seconds under which it ran."""
    if isinstance(error, TimeoutError):
        return Failure("Timeout", f"no answer within {timeout:g} s")
    words = str(error)
    if isinstance(error, OSError) and error.errno:  # aiohttp's text repeats the address, and has no words for the rest
        words = os.strerror(error.errno) if error.errno > 0 else error.strerror or words  # below 0: name resolution
    return Failure(type(error).__name__, _one_line(words))


def words_of(body: bytes) -> str:
    """Find an error's own words in an answer: `error`, `error.message` or `message` of a JSON object, else the text."""
    text = body[: 16 * MAX_WORDS].decode(errors="replace")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return _one_line(text)
    if not isinstance(found, dict):
        return _one_line(text)
    error = found.get("error")
    if isinstance(error, dict):
        found, error = error, None
    message = found.get("message")
    said = [part for part in (error, message) if isinstance(part, str)]
    return _one_line(": ".join(said) or text)


def _one_line(text: str) -> str:
    """Make foreign text fit for a cell: no control characters, which a terminal would obey, and not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"
