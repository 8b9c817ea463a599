"""`oci://registry/repository:tag` or `…@sha256:…`: an artifact in a container registry, by oras.

Each titled layer is a file of that name; a single layer is the file or archive itself. oras knows the registries' ways
of authentication and, without credentials given, the machine's Docker configuration.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from ipaddress import ip_address
from typing import Any

import oras.defaults
import requests
from oras.auth import AuthenticationException
from oras.container import Container
from oras.provider import Registry
from requests.adapters import HTTPAdapter

from modelport.repository.errors import FetchError, Unreachable
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.base import CHUNK, Listing, RemoteFile, Stream
from modelport.storage.credentials import scrub
from modelport.storage.errors import root_cause

logging.getLogger("oras").setLevel(logging.CRITICAL)  # what it logs is raised anyway

_URI = re.compile(r"oci://(?P<registry>[^/@]+)/(?P<rest>[^@]+(@sha256:[0-9a-f]{64})?)", re.IGNORECASE)
_INDEX_TYPES = frozenset({oras.defaults.default_index_media_type, oras.defaults.docker_manifest_list_media_type})
_MAX_MANIFEST = 4 * 2**20
"""Bytes; the limit that the distribution specification sets."""


def build_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> OciSource:
    """Read `oci://registry[:port]/repository[:tag|@sha256:…]`; credentials are USERNAME and PASSWORD, or TOKEN."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise FetchError(uri, "is not of the form oci://registry/repository:tag or oci://registry/repository@sha256:…")
    registry = match["registry"]
    port = "" if ":" in registry else ":443"  # without a dot or a port, oras would take the name for a repository
    return OciSource(uri, Container(f"{registry}{port}/{match['rest']}"), credentials, limits)


class OciSource:
    """The layers of one manifest."""

    def __init__(self, uri: str, container: Container, credentials: Mapping[str, str], limits: FetchLimits) -> None:
        """Take the parsed reference."""
        self.pinned = container.digest is not None
        self._uri = uri
        self._container = container
        self._credentials = credentials
        self._limits = limits

    def list(self) -> Listing:
        """Read the manifest, held against its digest where the URI has one."""
        layers = self._read_manifest().get("layers") or []
        files = tuple(self._file(layer, single=len(layers) == 1) for layer in layers)
        return Listing(files, folder=len(files) != 1)

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        """Read a layer; its digest names it, so that it cannot have changed."""
        url = f"{self._prefix}://{self._container.get_blob_url(file.address)}"
        with self._request(url, {"Range": f"bytes={offset}-"} if offset else {}) as response:
            yield Stream(self._chunks(response), offset if response.status_code == 206 else 0, file.size)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_content(CHUNK)
        except requests.RequestException as error:
            raise self._word(error) from error

    def _read_manifest(self) -> dict[str, Any]:
        url = f"{self._prefix}://{self._container.manifest_url()}"
        accept = ", ".join(oras.defaults.default_manifest_accepted_media_types)
        with self._request(url, {"Accept": accept}) as response:
            body = b""
            for chunk in self._chunks(response):
                body += chunk
                if len(body) > _MAX_MANIFEST:
                    raise FetchError(self._uri, f"has a manifest of more than {_MAX_MANIFEST:,} bytes")
        found = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if self._container.digest not in (None, found):
            raise FetchError(self._uri, f"answered a manifest with the digest {found}")
        try:
            manifest = json.loads(body)
        except ValueError as error:
            raise FetchError(self._uri, "answered a manifest that is no JSON") from error
        if not isinstance(manifest, dict):
            raise FetchError(self._uri, "answered a manifest that is no JSON object")
        if manifest.get("mediaType") in _INDEX_TYPES or "manifests" in manifest:
            raise FetchError(self._uri, "is an index of several manifests; name the one that is meant by its @sha256:…")
        return manifest

    def _file(self, layer: dict[str, Any], *, single: bool) -> RemoteFile:
        try:
            digest, size = str(layer["digest"]), int(layer["size"])
            notes = layer.get("annotations") or {}
            title = notes.get(oras.defaults.annotation_title)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FetchError(self._uri, "has a manifest with a layer that has no digest or no size") from error
        if not single and notes.get(oras.defaults.annotation_unpack) == "true":
            raise FetchError(self._uri, f"mixes the packed folder {title} with other layers; push one folder, or files")
        if title is None and not single:
            raise FetchError(self._uri, f"has several layers, and {digest} among them has no title to name its file")
        name = str(title or "model")
        return RemoteFile(name.rpartition("/")[2] if single else name, size, digest, digest, address=digest)

    @contextmanager
    def _request(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """Ask with a token of its own: tokens live for minutes, and the layer before may have taken longer."""
        registry = self._connect()
        with closing(registry.session):
            try:
                response = registry.do_request(url, "GET", headers=headers, stream=True)
            except (requests.RequestException, AuthenticationException, ValueError) as error:
                raise self._word(error) from error
            with response:
                self._check_status(response)
                yield response

    def _connect(self) -> Registry:
        registry = _Registry(insecure=self._prefix == "http")
        adapter = _PatientAdapter(self._limits.stall_seconds)
        registry.session.hooks["response"].append(_close_refusal)
        registry.session.max_redirects = self._limits.redirects
        registry.session.mount("https://", adapter)
        registry.session.mount("http://", adapter)
        if token := self._credentials.get("TOKEN"):
            registry.auth.set_token_auth(token)
        elif username := self._credentials.get("USERNAME"):
            registry.auth.set_basic_auth(username, self._credentials.get("PASSWORD", ""))
        else:
            registry.auth.load_configs(self._container)
        return registry

    @property
    def _prefix(self) -> str:
        return "http" if _is_loopback(self._container.registry) else "https"

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        problem = f"answered {status} {response.reason or ''}".rstrip()
        if status in (401, 403):
            who = self._credentials.get("USERNAME")
            problem += f" for the user {who}" if who else " for the credentials given" if self._credentials else ""
        raise (Unreachable if status >= 500 or status in (408, 429) else FetchError)(self._uri, problem)

    def _word(self, error: Exception) -> FetchError:
        text = root_cause(error) or scrub(str(error), self._credentials) or type(error).__name__
        if isinstance(error, requests.TooManyRedirects):
            return FetchError(self._uri, "redirects without end")
        if isinstance(error, requests.exceptions.SSLError):
            return FetchError(self._uri, f"cannot be spoken to by TLS: {text}")
        if isinstance(error, requests.RequestException):
            return Unreachable(self._uri, f"does not answer, or not to the end: {text}")
        return FetchError(self._uri, f"answered 401, and none of the credentials opens it: {text}")


class _Registry(Registry):  # type: ignore[misc] # oras has no types
    """Without the library's own retries, which would sleep for two minutes before they say that nobody answers."""

    do_request = inspect.unwrap(Registry.do_request)


class _PatientAdapter(HTTPAdapter):
    """Waits for the time given, where requests would wait for ever."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().send(request, **{**options, "timeout": options.get("timeout") or self._seconds})


def _close_refusal(response: requests.Response, **_: Any) -> None:
    """Give up the connection of an answer that oras only takes the challenge from."""
    if response.status_code in (401, 403):
        response.close()


def _is_loopback(registry: str) -> bool:
    """Registries of this machine speak plain HTTP; all others must not."""
    host = registry.rpartition(":")[0].strip("[]") or registry
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
