"""`hf://organization/repository[@revision][/path]`: a model of the Hugging Face Hub.

huggingface_hub finds the revision's commit and its files; they come by plain HTTP from the commit's own URLs, so that
resuming and verifying are the same as everywhere. HF_ENDPOINT names a mirror.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from huggingface_hub import HfApi, get_token, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.base import Listing, RemoteFile, Stream
from modelport.repository.sources.http import authorization, read_url
from modelport.storage.credentials import scrub
from modelport.storage.errors import root_cause

_URI = re.compile(r"hf://(?P<repository>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?(/(?P<path>.*))?", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FAILURES = cast(tuple[type[Exception], ...], (*HfHubHTTPError.__bases__, HFValidationError, ValueError))
"""What the library raises: OSError, the root of the errors of whichever HTTP library it is built on, and its own."""


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> HubSource:
    """Read `hf://organization/repository[@revision][/path]`; a slash in the revision is written %2F."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise FetchError(uri, "is not of the form hf://organization/repository[@revision][/path]")
    revision = (match["revision"] or "main").replace("%2F", "/").replace("%2f", "/")
    return HubSource(uri, match["repository"], revision, (match["path"] or "").strip("/"), credentials, limits)


class HubSource:
    """A file, a folder or the whole of one repository at one commit."""

    def __init__(
        self, uri: str, repository: str, revision: str, path: str, credentials: Mapping[str, str], limits: FetchLimits
    ) -> None:
        """Take the parts of the URI; the token, if any, is in the credentials or in the library's own store."""
        self.pinned = _COMMIT.fullmatch(revision) is not None
        self._uri, self._repository, self._revision, self._path = uri, repository, revision, path
        self._credentials, self._limits = credentials, limits
        self._endpoint = credentials.get("HF_ENDPOINT")
        self._token = credentials.get("HF_TOKEN")

    def list(self) -> Listing:
        """Ask for the commit behind the revision and for its files."""
        try:
            info = HfApi(endpoint=self._endpoint, token=self._token).model_info(
                self._repository, revision=self._revision, files_metadata=True, timeout=self._limits.stall_seconds
            )
        except _FAILURES as error:
            raise self._word(error) from error
        folder = f"{self._path}/" if self._path else ""
        files = []
        for file in info.siblings or ():
            digest = f"sha256:{file.lfs.sha256}" if file.lfs else None
            url = hf_hub_url(self._repository, file.rfilename, revision=info.sha, endpoint=self._endpoint)
            remote = RemoteFile(file.rfilename.removeprefix(folder), file.size, file.blob_id, digest, address=url)
            if file.rfilename == self._path:
                return Listing((replace(remote, name=self._path.rpartition("/")[2]),), folder=False)
            if file.rfilename.startswith(folder):
                files.append(remote)
        if not files:
            raise FetchError(self._uri, f"holds no file {self._path or 'at all'} at {self._revision}")
        return Listing(tuple(files), folder=True)

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        """Read one file at its commit."""
        headers = authorization({"TOKEN": self._token or get_token() or ""})
        with read_url(file.address, offset, None, headers, self._limits) as stream:
            yield stream

    def _word(self, error: Exception) -> FetchError:
        if isinstance(error, HfHubHTTPError):
            status = error.response.status_code
            problem = (
                f"answered {status}: {scrub(error.server_message or error.response.reason_phrase, self._credentials)}"
            )
            return (Unreachable if status >= 500 or status in (408, 429) else FetchError)(self._uri, problem)
        text = root_cause(error) or scrub(str(error), self._credentials) or type(error).__name__
        if isinstance(error, ValueError):
            return FetchError(self._uri, f"cannot be read: {text}")
        return Unreachable(self._uri, f"does not answer: {text}")
