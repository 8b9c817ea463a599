"""What a person can put right on this machine."""

from modelport.errors import ModelportError


class ServeError(ModelportError):
    """A reason why `modelport serve` cannot start or go on here; the message says what to do about it."""


class LoadError(ServeError):
    """Triton's own reason for not loading a model, as one sentence."""
