"""Why a load test did not happen. A request that fails in the course of one is a result, not an error."""

from modelport.errors import ModelportError


class LoadtestError(ModelportError):
    """The address cannot be tested as it stands."""


class UsageError(LoadtestError):
    """The command line cannot be meant so."""
