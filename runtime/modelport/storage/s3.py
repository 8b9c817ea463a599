"""Amazon S3, and whatever else speaks its protocol at AWS_ENDPOINT_URL, by s3fs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import s3fs
from botocore import exceptions as boto
from fsspec.asyn import sync

from modelport.storage.base import NO_BUCKET
from modelport.storage.credentials import scrub
from modelport.storage.errors import Reason, StorageError, name_of, root_cause

_COME_AGAIN = frozenset({"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "ThrottlingException"})
_CONNECTION = (boto.HTTPClientError, boto.ConnectionError, TimeoutError)
_REASONS: Mapping[int, Reason] = {
    401: Reason.DENIED,
    403: Reason.DENIED,
    404: Reason.MISSING,
    412: Reason.CHANGED,
    507: Reason.FULL,
}


class S3:
    """A store that is opened with AWS_ACCESS_KEY_ID and the like; without, with the machine's own, if it has any."""

    def __init__(self, credentials: Mapping[str, str], *, stall_seconds: float) -> None:
        """Wait `stall_seconds` for a connection and for each answer. Raises StorageError."""
        self._credentials = credentials
        try:
            self.filesystem = _build_filesystem(credentials, stall_seconds)
        except (boto.BotoCoreError, ValueError) as error:
            raise self.describe(error) from error

    def put(self, path: str, data: bytes, content_type: str, *, seconds: float) -> None:
        """Write an object in at most so many seconds."""
        files = self.filesystem
        sync(files.loop, files._pipe_file, path, data, ContentType=content_type, timeout=seconds)

    def describe(self, error: Exception, nothing: str = NO_BUCKET) -> StorageError:
        """Word what s3fs raised."""
        response = getattr(_client_error(error), "response", None)
        if response:
            return self._describe_answer(response)
        if isinstance(error, FileNotFoundError):
            return StorageError(Reason.MISSING, f"answered 404: {nothing}")
        text = scrub(str(error), self._credentials) or name_of(error)
        if isinstance(error, _CONNECTION):
            return StorageError(Reason.UNREACHABLE, f"does not answer: {root_cause(error) or text}")
        return StorageError(Reason.OTHER, f"cannot be used: {text}")

    def _describe_answer(self, response: Mapping[str, Any]) -> StorageError:
        code, status = str(response["Error"].get("Code", "")), response["ResponseMetadata"]["HTTPStatusCode"]
        problem = f"answered {status} {code if code != str(status) else response['Error'].get('Message', '')}".rstrip()
        come_again = status >= 500 or code in _COME_AGAIN
        reason = _REASONS.get(status, Reason.UNREACHABLE if come_again else Reason.OTHER)
        if reason is Reason.DENIED:
            key = self._credentials.get("AWS_ACCESS_KEY_ID")
            whose = f"key id {key}" if key else "the credentials of this machine, since none were given"
            problem = f"{problem} for {whose}"
        return StorageError(reason, problem)


def _build_filesystem(credentials: Mapping[str, str], stall_seconds: float) -> Any:
    key = credentials.get("AWS_ACCESS_KEY_ID")
    region = credentials.get("AWS_REGION")
    filesystem = s3fs.S3FileSystem(
        anon=key is None and botocore.session.get_session().get_credentials() is None,
        key=key,
        secret=credentials.get("AWS_SECRET_ACCESS_KEY"),
        token=credentials.get("AWS_SESSION_TOKEN"),
        endpoint_url=credentials.get("AWS_ENDPOINT_URL"),
        client_kwargs={"region_name": region} if region else {},
        config_kwargs={
            "connect_timeout": stall_seconds,
            "read_timeout": stall_seconds,
            "retries": {"total_max_attempts": 1},  # who calls tries again, and knows from where
        },
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    filesystem.retries = 1
    return filesystem


def _client_error(error: BaseException | None) -> boto.ClientError | None:
    """The service's own answer, which s3fs wraps into an OSError."""
    while error is not None and not isinstance(error, boto.ClientError):
        error = error.__cause__
    return error
