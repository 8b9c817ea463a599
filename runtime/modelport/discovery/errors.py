"""Why no request could be found for a model."""

from modelport.errors import ModelportError


class DiscoveryError(ModelportError):
    """The server, the model or the way to call it is not there."""


class NoDocument(DiscoveryError):
    """A server answered, and it does not describe itself as a modelport gateway does."""
