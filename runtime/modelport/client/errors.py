"""What can go wrong between a program and a published model.

    ClientError
    ├── InvalidCall      the call cannot be sent as it stands
    ├── Unreachable      nobody answered: no connection, or one that broke
    ├── TimedOut         the answer did not come in time
    ├── Refused          the server answered with an error, and these are its words
    └── BadAnswer        what came is not an answer of the format

No text and no attribute holds a key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from modelport.errors import ModelportError

LONGEST_WORDS = 500
"""Characters that are kept of an error that is not in a format's shape, such as a proxy's page."""


class ClientError(ModelportError):
    """A call that brought no prediction."""


class InvalidCall(ClientError):
    """The call cannot be sent as it stands: its address, its key or a file."""


class Unreachable(ClientError):
    """Nobody answered: no connection could be made, or it broke."""


class TimedOut(ClientError):
    """The answer did not come within the client's `timeout`."""


class BadAnswer(ClientError):
    """The server answered with success, but not in the format that was asked."""


class Refused(ClientError):
    """The server answered with an error."""

    def __init__(self, status: int, words: Words, retry_after: float | None = None, request_id: str = "") -> None:
        """Take the HTTP status, the server's words and what its headers say."""
        super().__init__(status, words, retry_after, request_id)  # all of them, so that it can be pickled
        self.status = status
        self.code = words.code
        """The format's own name of the error; empty where the format has none."""
        self.message = words.message
        self.retry_after = retry_after
        """Seconds after which the server may be asked again; None where it does not say."""
        self.request_id = request_id
        """By which the server's log names the request."""

    def __str__(self) -> str:
        """Return the status and the server's words."""
        return f"{self.status} {self.code}: {self.message}" if self.code else f"{self.status} {self.message}"


@dataclass(frozen=True, slots=True)
class Words:
    """An error in the server's words."""

    message: str
    code: str = ""


def parse_words(body: bytes) -> Words:
    """Read the body of an error in the shape of any format; of another body the beginning is the message.

    The shapes: `{"error": TEXT}`, `{"error": CODE, "message": TEXT}` and `{"error": {"code": CODE, "message": TEXT}}`.
    """
    text = body.decode(errors="replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    match value:
        case {"error": {"code": str(code), "message": str(message)}}:
            return Words(message, code)
        case {"error": str(code), "message": str(message)}:
            return Words(message, code)
        case {"error": str(message)}:
            return Words(message)
        case _:
            return Words(text if len(text) <= LONGEST_WORDS else text[:LONGEST_WORDS] + "…")
