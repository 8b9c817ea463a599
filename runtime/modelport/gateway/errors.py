"""Why a request was not answered. One class a cause, each with its HTTP status; a format gives the body its shape.

`reason` is the label of `modelport_errors_total`, a fixed vocabulary. A message names the JSON path, what was expected
and what came; it never holds a key, a stack trace, a path of the machine or the request's data at length.
"""

from __future__ import annotations

from typing import ClassVar

from modelport.errors import ModelportError

RETRY_AFTER = 2
"""Seconds after which a client may come again while Triton or a model starts: about what a small model needs."""


class GatewayError(ModelportError):
    """A request that ends in an error; subclasses are raised, not this."""

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "internal"
    parting: ClassVar[bool] = False
    """The connection ends with the answer: who comes again by a new one may find another instance, which is well."""

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        """Take the sentence for the caller and, where waiting helps, the seconds after which to come again."""
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BadRequest(GatewayError):
    """Malformed input, or input that does not fit the model; the message begins with the path, `instances[3].x`."""

    status = 400
    reason = "bad_request"


class Unauthorized(GatewayError):
    """No key, a wrong, expired or revoked one."""

    status = 401
    reason = "unauthorized"


class Forbidden(GatewayError):
    """What the protocol knows and a caller may not do here."""

    status = 403
    reason = "forbidden"


class NotFound(GatewayError):
    """No such address."""

    status = 404
    reason = "not_found"


class ModelNotFound(NotFound):
    """No such model, or no such version of it."""

    reason = "model_not_found"

    def __init__(self, name: str, version: int | None = None) -> None:
        """Word it as TensorFlow Serving does, whose clients look for it."""
        which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        super().__init__(f"Servable not found for request: {which}")


class MethodNotAllowed(GatewayError):
    """A known address, asked with the wrong method."""

    status = 405
    reason = "method_not_allowed"

    def __init__(self, message: str, allow: tuple[str, ...]) -> None:
        """Take the methods that the address does have."""
        super().__init__(message)
        self.allow = allow


class BodyTooLarge(GatewayError):
    """More bytes than `spec.limits.bodyBytes`, before or after decompression."""

    status = 413
    reason = "too_large"


class UnsupportedEncoding(GatewayError):
    """A Content-Encoding other than gzip and deflate."""

    status = 415
    reason = "unsupported_encoding"


class RateLimited(GatewayError):
    """More requests than the key's rate limit allows."""

    status = 429
    reason = "rate_limited"


class QuotaUsedUp(GatewayError):
    """A Serverless model has answered `spec.execution.serverless.requestQuota` requests this month.

    Waiting for seconds does not help, so there is no `Retry-After`.
    """

    status = 429
    reason = "quota_used_up"


class ClientGone(GatewayError):
    """The client left before the answer; counted, never sent."""

    status = 499
    reason = "client_gone"


class InternalError(GatewayError):
    """The model failed in a way that is not the request's fault, or the gateway has a bug."""

    status = 500
    reason = "internal"


class BadUpstream(GatewayError):
    """Triton broke the protocol."""

    status = 502
    reason = "bad_upstream"


class Unavailable(GatewayError):
    """The model is loading, Triton is restarting or the gateway drains."""

    status = 503
    reason = "unavailable"
    parting = True


class ProcessDied(Unavailable):
    """The process in which the model runs has died, which Triton says and does nothing about."""


class StoppedBySchedule(Unavailable):
    """The model's schedule is closed: nobody's fault, and no reason for an alarm."""

    reason = "stopped_by_schedule"
    parting = False


class QueueFull(Unavailable):
    """More requests wait than `spec.limits.queueLength`."""

    reason = "queue_full"
    parting = False  # a new connection costs both sides more than the answer


class DeadlineExceeded(GatewayError):
    """No answer within `spec.limits.timeoutSeconds`."""

    status = 504
    reason = "deadline_exceeded"
