"""Why a model cannot be had or cannot be served: the repository's branch of the tree in `modelport.errors`.

FetchError             the source refused, lied or broke off for good
├── Unreachable        nobody answered, or not to the end; another attempt may succeed
├── Changed            the source was changed while it was read; a new listing may succeed
└── WrongDigest        it is whole, and not what was asked for
CacheError             the disk is full or cannot be written
InvalidModel           the files are there and cannot be served
"""

from __future__ import annotations

from modelport.errors import ModelportError
from modelport.storage.credentials import redact


class FetchError(ModelportError):
    """A model that cannot be had."""

    def __init__(self, uri: str, problem: str) -> None:
        """Word it: `problem` follows the URI, "answered 403 AccessDenied". No URI gets past this unredacted."""
        super().__init__(f"download failed: {redact(uri)} {problem}")
        self.uri = redact(uri)
        self.problem = problem


class Unreachable(FetchError):
    """No answer, half an answer, or one that asks to come again (408, 429, 5xx)."""


class Changed(FetchError):
    """What came is not what was listed: somebody writes there at this moment."""


class WrongDigest(FetchError):
    """Files that came whole and are not those that the digest stands for."""


class CacheError(ModelportError):
    """A cache that cannot take what is to be stored; `fetch` raises it as a FetchError."""


class InvalidModel(ModelportError):
    """A model that cannot be served; the message says what to change."""
