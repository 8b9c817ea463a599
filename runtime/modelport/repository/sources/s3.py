"""`s3://bucket/key`: Amazon S3, and whatever else speaks its protocol at AWS_ENDPOINT_URL, by s3fs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import s3fs
from botocore import exceptions as boto

from modelport.repository.credentials import scrub
from modelport.repository.errors import Changed, FetchError, Unreachable, root_cause
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.bucket import BucketSource, Entry

_COME_AGAIN = frozenset({"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "ThrottlingException"})
_CONNECTION = (boto.HTTPClientError, boto.ConnectionError, TimeoutError)


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> BucketSource:
    """Read `s3://bucket/key`; without an access key the machine's own credentials are used, if it has any."""

    def word(error: Exception) -> FetchError:
        return _word(uri, error, credentials)

    try:
        filesystem = _build_filesystem(credentials, limits)
    except (boto.BotoCoreError, ValueError) as error:
        raise word(error) from error
    return BucketSource(uri, filesystem, tag=_tag, word=word)


def _build_filesystem(credentials: Mapping[str, str], limits: FetchLimits) -> Any:
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
            "connect_timeout": limits.stall_seconds,
            "read_timeout": limits.stall_seconds,
            "retries": {"total_max_attempts": 1},  # the downloader tries again, and from where it stopped
        },
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    filesystem.retries = 1
    return filesystem


def _tag(entry: Entry) -> str:
    return str(entry["ETag"])


def _word(uri: str, error: Exception, credentials: Mapping[str, str]) -> FetchError:
    response = getattr(_client_error(error), "response", None)
    if response:
        code, status = str(response["Error"].get("Code", "")), response["ResponseMetadata"]["HTTPStatusCode"]
        problem = f"answered {status} {code if code != str(status) else response['Error'].get('Message', '')}".rstrip()
        if status == 412:
            return Changed(uri, "changed while it was read")
        if status in (401, 403):
            return FetchError(uri, f"{problem} {_who(credentials)}")
        return (Unreachable if status >= 500 or code in _COME_AGAIN else FetchError)(uri, problem)
    if isinstance(error, FileNotFoundError):
        return FetchError(uri, "answered 404: there is no such object, and none below it")
    text = scrub(str(error), credentials)
    if isinstance(error, _CONNECTION):
        return Unreachable(uri, f"does not answer: {root_cause(error) or text or type(error).__name__}")
    return FetchError(uri, f"cannot be read: {text or type(error).__name__}")


def _client_error(error: BaseException | None) -> boto.ClientError | None:
    """The service's own answer, which s3fs wraps into an OSError."""
    while error is not None and not isinstance(error, boto.ClientError):
        error = error.__cause__
    return error


def _who(credentials: Mapping[str, str]) -> str:
    key = credentials.get("AWS_ACCESS_KEY_ID")
    return f"for key id {key}" if key else "for the credentials of this machine, since none were given"
