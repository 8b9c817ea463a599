"""Google Cloud Storage, by the part of gcsfs that speaks the JSON API (another speaks gRPC)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
import requests
from fsspec.asyn import sync
from gcsfs.core import GCSFileSystem
from gcsfs.retry import HttpError
from google.auth.exceptions import GoogleAuthError

from modelport.storage.base import NO_BUCKET
from modelport.storage.credentials import scrub
from modelport.storage.errors import Reason, StorageError, name_of, root_cause

logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs a traceback for every error that is raised anyway

_CONNECTION = (aiohttp.ClientError, requests.ConnectionError, requests.Timeout, TimeoutError)
_REASONS: Mapping[int, Reason] = {
    401: Reason.DENIED,
    403: Reason.DENIED,
    404: Reason.MISSING,
    408: Reason.UNREACHABLE,
    429: Reason.UNREACHABLE,
}


class Gs:
    """A store that is opened with a service account's JSON; without, with the machine's own, if it has any.

    STORAGE_EMULATOR_HOST is the address of a stand-in, as for Google's own clients.
    """

    def __init__(
        self,
        credentials: Mapping[str, str],
        *,
        stall_seconds: float,
        access: Literal["read_only", "read_write"] = "read_only",
    ) -> None:
        """Wait `stall_seconds` for a connection and for each answer. Raises StorageError."""
        self._credentials = credentials
        emulator = credentials.get("STORAGE_EMULATOR_HOST")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=stall_seconds, sock_read=stall_seconds)
        try:
            self.filesystem = GCSFileSystem(
                token="anon" if emulator else _service_account(credentials),
                access=access,
                endpoint_url=emulator,
                session_kwargs={"timeout": timeout},
                skip_instance_cache=True,
                use_listings_cache=False,
            )
        except (GoogleAuthError, ValueError, OSError) as error:
            raise self.describe(error) from error

    def put(self, path: str, data: bytes, content_type: str, *, seconds: float) -> None:
        """Write an object in at most so many seconds."""
        files = self.filesystem
        sync(files.loop, files._pipe_file, path, data, content_type=content_type, timeout=seconds)

    def describe(self, error: Exception, nothing: str = NO_BUCKET) -> StorageError:
        """Word what gcsfs raised."""
        text = scrub(str(error), self._credentials) or name_of(error)
        if isinstance(error, FileNotFoundError):
            return StorageError(Reason.MISSING, f"answered 404: {nothing}")
        if isinstance(error, HttpError) and error.code:
            status = int(error.code)
            reason = _REASONS.get(status, Reason.UNREACHABLE if status >= 500 else Reason.OTHER)
            return StorageError(reason, f"answered {status}: {text}")
        if isinstance(error, OSError) and str(error).startswith("Forbidden"):
            return StorageError(Reason.DENIED, f"answered 403 {text}")
        if isinstance(error, _CONNECTION):
            return StorageError(Reason.UNREACHABLE, f"does not answer: {root_cause(error) or text}")
        return StorageError(Reason.OTHER, f"cannot be used: {text}")


def _service_account(credentials: Mapping[str, str]) -> dict[str, Any] | None:
    text = credentials.get("GOOGLE_APPLICATION_CREDENTIALS_JSON")
    if text is None:
        return None
    try:
        account = json.loads(text)
    except ValueError:
        account = None
    if not isinstance(account, dict):
        problem = "cannot be opened: GOOGLE_APPLICATION_CREDENTIALS_JSON is not a JSON object"
        raise StorageError(Reason.UNUSABLE, problem) from None
    return account
