"""`gs://bucket/key`: Google Cloud Storage, by the part of gcsfs that speaks the JSON API (another speaks gRPC)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp
import requests
from gcsfs.core import GCSFileSystem
from gcsfs.retry import HttpError
from google.auth.exceptions import GoogleAuthError

from modelport.repository.credentials import scrub
from modelport.repository.errors import FetchError, Unreachable, root_cause
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.bucket import BucketSource, Entry

logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs a traceback for every error that is raised anyway

_CONNECTION = (aiohttp.ClientError, requests.ConnectionError, requests.Timeout, TimeoutError)


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> BucketSource:
    """Read `gs://bucket/key`; without a service account's JSON the machine's own credentials are used, if it has any.

    STORAGE_EMULATOR_HOST is the address of a stand-in, as for Google's own clients.
    """

    def word(error: Exception) -> FetchError:
        return _word(uri, error, credentials)

    try:
        filesystem = _build_filesystem(uri, credentials, limits)
    except (GoogleAuthError, ValueError, OSError) as error:
        raise word(error) from error
    return BucketSource(uri, filesystem, tag=_tag, word=word)


def _build_filesystem(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> Any:
    stall = limits.stall_seconds
    emulator = credentials.get("STORAGE_EMULATOR_HOST")
    return GCSFileSystem(
        token="anon" if emulator else _service_account(uri, credentials),
        access="read_only",
        endpoint_url=emulator,
        session_kwargs={"timeout": aiohttp.ClientTimeout(total=None, sock_connect=stall, sock_read=stall)},
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def _service_account(uri: str, credentials: Mapping[str, str]) -> dict[str, Any] | None:
    text = credentials.get("GOOGLE_APPLICATION_CREDENTIALS_JSON")
    if text is None:
        return None
    try:
        account = json.loads(text)
    except ValueError:
        account = None
    if not isinstance(account, dict):
        raise FetchError(uri, "cannot be opened: GOOGLE_APPLICATION_CREDENTIALS_JSON is not a JSON object") from None
    return account


def _tag(entry: Entry) -> str:
    return str(entry["generation"])


def _word(uri: str, error: Exception, credentials: Mapping[str, str]) -> FetchError:
    text = scrub(str(error), credentials)
    if isinstance(error, FileNotFoundError):
        return FetchError(uri, "answered 404: there is no such object, and none below it")
    if isinstance(error, HttpError) and error.code:
        retry = int(error.code) >= 500 or int(error.code) in (408, 429)
        return (Unreachable if retry else FetchError)(uri, f"answered {error.code}: {text}")
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):
        return FetchError(uri, f"answered 403 {text}")
    if isinstance(error, _CONNECTION):
        return Unreachable(uri, f"does not answer: {root_cause(error) or text or type(error).__name__}")
    return FetchError(uri, f"cannot be read: {text or type(error).__name__}")
