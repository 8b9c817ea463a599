"""When a refused request is sent again, and after how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TOO_MANY = 429
UNAVAILABLE = 503
FIRST_PAUSE_SECONDS = 0.5
"""After a 503 that does not say when to come back; doubled each time."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is with a server that is busy, starting or stopped."""

    attempts: int = 3
    """Requests that are sent for one prediction, at most; 1 sends none again."""
    longest_pause: float = 30.0
    """Seconds; a server that wants a longer one is an error at once, so that nobody waits for tomorrow's schedule."""

    def pause(self, attempt: int, status: int, retry_after: float | None) -> float | None:
        """Return the seconds to wait before the next attempt; None where there is none.

        Only 429 and 503 mean that the same request may succeed later. A 429 without Retry-After is a used-up quota.

        Args:
            attempt: number of the one that was refused, from 1.
            status: of the answer.
            retry_after: seconds that the server asked for.
        """
        if attempt >= self.attempts or status not in (TOO_MANY, UNAVAILABLE):
            return None
        if retry_after is None and status == TOO_MANY:
            return None
        seconds = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) if retry_after is None else retry_after
        return seconds if seconds <= self.longest_pause else None


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Read the header Retry-After (RFC 9110, 10.2.3), seconds or a date; None where there is none that can be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
