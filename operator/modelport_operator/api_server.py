"""Calls to the API server: JSON in, JSON out, and its refusals as errors of ours.

The official client finds the credentials, speaks TLS and keeps connections; its generated models are left aside,
since builders and watches speak plain JSON anyway.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

from modelport.errors import ModelportError
from modelport_operator.metrics import Metrics

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"

TIMEOUT_SECONDS = 30.0
"""Of one call. A server that takes longer is treated as one that is away."""


class ApiError(ModelportError):
    """The API server refused a call, or could not be reached."""

    def __init__(
        self,
        message: str,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
        *,
        namespace_ends: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 if there was no answer."""
        self.reason = reason
        """The server's word, such as AlreadyExists."""
        self.retry_after = retry_after
        """Seconds after which the server wants to be asked again."""
        self.namespace_ends = namespace_ends
        """The namespace is being deleted, and takes nothing new any more."""

    @property
    def refused(self) -> bool:
        """The call itself is wrong, and the same one would be refused again."""
        return self.status in (400, 403, 404, 405, 406, 413, 415, 422)


class ApiServer:
    """The API server behind an official client. At most `most` calls are under way at a time."""

    def __init__(self, client: ApiClient, metrics: Metrics, most: int = 32) -> None:
        self._client = client
        self._metrics = metrics
        self._slots = asyncio.Semaphore(most)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Any:
        """Return the JSON that answers a call.

        Raises:
            ApiError: the server refused it, or did not answer in time.
        """
        url = self._client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": "modelport-operator"}
        async with self._slots:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
            try:
                response = await self._client.call_api(method, url, headers, body, _request_timeout=TIMEOUT_SECONDS)
                content: bytes = await response.read()  # type: ignore[no-untyped-call]
            except ApiException as error:
                raise _refusal(error.status or 0, error.body or "", {}) from error
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._metrics.called(method, 0)
                raise ApiError(f"the API server does not answer: {error or type(error).__name__}") from error
        self._metrics.called(method, response.status)
        if response.status >= 400:
            raise _refusal(response.status, content, response.headers)
        try:
            return json.loads(content) if content else {}
        except ValueError as error:
            raise ApiError(f"the API server answered {method} {path} with something else than JSON") from error


def _refusal(status: int, content: bytes | str, headers: Mapping[str, str]) -> ApiError:
    """Make an error of the `Status` object that the server sent."""
    try:
        told = json.loads(content)
        message, reason = str(told["message"]), str(told.get("reason", ""))
        causes = {each.get("reason") for each in told.get("details", {}).get("causes", ())}
    except (ValueError, KeyError, TypeError, AttributeError):
        message, reason, causes = f"the API server answered {status}", "", set()
    wait = headers.get("Retry-After", "")
    ends = "NamespaceTerminating" in causes
    return ApiError(message, status, reason, float(wait) if wait.isdigit() else None, namespace_ends=ends)
