"""The words for a status in the errors of `nnc` and `azureml`, whose documents name none."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.gateway.errors import GatewayError

CODES: Mapping[int, str] = {
    401: "Unauthorized",
    404: "NotFound",
    413: "TooLarge",
    429: "Unavailable",
    503: "Unavailable",
    504: "Timeout",
}
"""By HTTP status; another one below 500 is BadRequest, the rest are InternalServerError."""


def code_of(error: GatewayError) -> str:
    """Return the word for an error."""
    return CODES.get(error.status, "BadRequest" if error.status < 500 else "InternalServerError")
