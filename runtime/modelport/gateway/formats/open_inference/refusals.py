"""What Triton's HTTP server offers and the gateway does not, with the reason and what to do instead.

A PublishedModel says which models are served and how; what it decides is not the caller's to change (403). Extensions
that cannot work through a gateway are not there (404).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from modelport.gateway.errors import Forbidden, GatewayError, NotFound
from modelport.gateway.formats.base import Operation, Route


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address is known and not served."""

    error: type[GatewayError]
    message: str


_MODELS = Refusal(
    Forbidden, "models are not loaded and unloaded by request: apply, change or delete their PublishedModel"
)
_SETTINGS = Refusal(
    Forbidden, "logging and tracing are not set by request: whoever runs the server sets them for all of its models"
)
_SHARED_MEMORY = Refusal(
    NotFound, "shared memory is not offered: send and ask for tensors in the body (binary_data_size, binary_data)"
)
_GENERATE = Refusal(NotFound, "the generate extension is not offered: send tensors to /infer of the same model")

_REFUSED: Mapping[tuple[str, str], Refusal] = {
    ("POST", "/v2/repository/models/{name}/load"): _MODELS,
    ("POST", "/v2/repository/models/{name}/unload"): _MODELS,
    **{
        (method, path): _SETTINGS
        for method in ("GET", "POST")
        for path in ("/v2/logging", "/v2/trace/setting", "/v2/models/{model}/trace/setting")
    },
    **{
        (method, f"/v2/{kind}{path}"): _SHARED_MEMORY
        for kind in ("systemsharedmemory", "cudasharedmemory")
        for method, path in (
            ("GET", "/status"),
            ("GET", "/region/{region}/status"),
            ("POST", "/region/{region}/register"),
            ("POST", "/region/{region}/unregister"),
            ("POST", "/unregister"),
        )
    },
    **{
        ("POST", f"/v2/models/{{model}}{version}/{verb}"): _GENERATE
        for version in ("", "/versions/{version}")
        for verb in ("generate", "generate_stream")
    },
}

ROUTES: tuple[Route, ...] = tuple(Route(method, path, Operation.REFUSED) for method, path in _REFUSED)


def refuse(route: Route) -> NoReturn:
    """Raise the refusal of an address of `ROUTES`."""
    refusal = _REFUSED[route.method, route.path]
    raise refusal.error(refusal.message)
