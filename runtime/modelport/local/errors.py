"""What a person can put right on this machine."""

from modelport.errors import ModelportError


class ServeError(ModelportError):
    """A reason why `modelport serve` cannot start or go on here; the message says what to do about it."""


class UsageError(ServeError):
    """What was asked for is wrong in itself: an argument, a manifest, a file of keys. Exit code 2 instead of 1."""


class LoadError(ServeError):
    """Triton's own reason for not loading a model, as one sentence."""


class TritonDown(LoadError):
    """Triton was not there to answer; it will be started again, and then loads what it should have."""
