"""Errors as the document words them: a code, its name and a message ("error message").

The document has one code for what the caller did and one for what the server did, and answers them with 400 and 500; a
key that is missing or wrong is a 400 too. Statuses that tell a client to come again or to ask otherwise stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelport.gateway.codecs.json import dumps
from modelport.gateway.errors import GatewayError, ModelNotFound
from modelport.gateway.formats.base import Reply
from modelport.gateway.keys import Cause, KeyRefused

BAD_REQUEST = (4001000204, "PREDA_EXTERNAL_BAD_REQUEST")
INTERNAL_SERVER_ERROR = (5001000201, "PREDA_EXTERNAL_INTERNAL_SERVER_ERROR")

KEPT_STATUSES = frozenset({405, 413, 415, 429, 503, 504})
KEY_MESSAGES: Mapping[Cause, str] = {
    Cause.MISSING: "invalid_api_key.",
    Cause.UNKNOWN: "Not_found_credential.",
    Cause.EXPIRED: "Inactive_credential.",
    Cause.REVOKED: "Inactive_credential.",
}
"""Two headers that contradict one another, which the document does not know, word themselves."""
UNKNOWN_MODEL = "Not found classifier."


def encode_error(error: GatewayError) -> Reply:
    """Word an error as `{"code", "error", "message"}`."""
    callers = error.status < 500
    code, name = BAD_REQUEST if callers else INTERNAL_SERVER_ERROR
    status = error.status if error.status in KEPT_STATUSES else 400 if callers else 500
    return Reply(status, dumps({"code": code, "error": name, "message": _message(error)}))


def _message(error: GatewayError) -> str:
    if isinstance(error, KeyRefused):
        return KEY_MESSAGES.get(error.cause, error.message)
    return UNKNOWN_MODEL if isinstance(error, ModelNotFound) else error.message
