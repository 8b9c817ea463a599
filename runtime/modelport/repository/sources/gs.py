"""`gs://bucket/key`: Google Cloud Storage, by gcsfs."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.repository.limits import FetchLimits
from modelport.repository.sources.bucket import BucketSource, Entry, fetching
from modelport.storage.gs import Gs


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> BucketSource:
    """Read `gs://bucket/key`; without a service account's JSON the machine's own credentials serve, if it has any."""
    with fetching(uri):
        return BucketSource(uri, Gs(credentials, stall_seconds=limits.stall_seconds), tag=_tag)


def _tag(entry: Entry) -> str:
    return str(entry["generation"])
