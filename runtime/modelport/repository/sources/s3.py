"""`s3://bucket/key`: Amazon S3, and whatever else speaks its protocol at AWS_ENDPOINT_URL, by s3fs."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.repository.limits import FetchLimits
from modelport.repository.sources.bucket import BucketSource, Entry, fetching
from modelport.storage.s3 import S3


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> BucketSource:
    """Read `s3://bucket/key`; without an access key the machine's own credentials are used, if it has any."""
    with fetching(uri):
        return BucketSource(uri, S3(credentials, stall_seconds=limits.stall_seconds), tag=_tag)


def _tag(entry: Entry) -> str:
    return str(entry["ETag"])
