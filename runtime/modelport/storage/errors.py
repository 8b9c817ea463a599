"""Why a store did not do what it was asked for, whatever library said so."""

from __future__ import annotations

import os
import ssl
from enum import StrEnum

from modelport.errors import ModelportError


class Reason(StrEnum):
    """A fixed vocabulary, for labels of metrics and for who decides whether to try again."""

    DENIED = "denied"
    """The credentials do not open it."""
    MISSING = "missing"
    """There is no such bucket, folder or object."""
    CHANGED = "changed"
    """It is another one than a moment ago."""
    FULL = "full"
    """There is no room left."""
    UNREACHABLE = "unreachable"
    """Nobody answered, not in time, or with the request to come again."""
    UNUSABLE = "unusable"
    """It cannot be meant so: an address, a setting or a library that is missing."""
    OTHER = "other"


class StorageError(ModelportError):
    """What a store refused. `problem` follows the store's address in a sentence, "answered 403 AccessDenied"."""

    def __init__(self, reason: Reason, problem: str) -> None:
        """Take a problem that is fit to be shown: without secrets, on one line."""
        super().__init__(problem)
        self.reason = reason
        self.problem = problem


def root_cause(error: BaseException) -> str:
    """What the system said beneath a library's error, "Connection refused" or "self-signed certificate"; else ""."""
    found = ""
    below: BaseException | None = error
    while below is not None:
        found = _words(below) or found
        below = below.__cause__ or below.__context__
    return found


def name_of(error: BaseException) -> str:
    """What to call an error that says nothing of itself."""
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):  # its errno means nothing, and subclasses lack what it should have
        return str(getattr(error, "verify_message", None) or getattr(error, "reason", None) or "")
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return ""
