"""Requests to the metrics port that are no HTTP. aiohttp refuses them, and logs each with a traceback.

The traceback quotes the line that was wrong, which may hold a key, and anybody who reaches the port could fill the log
with it. So of each only the kind is told, for debugging.
"""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger(__name__)


class MalformedFilter(logging.Filter):
    """Holds back what aiohttp says of malformed requests; everything else passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is logged."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        log.debug("refused a request that is no HTTP: %s", type(error).__name__)
        return False


def hold_back_malformed() -> None:
    """Put the filter before aiohttp's own log; doing it again changes nothing."""
    logger = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, MalformedFilter) for each in logger.filters):
        logger.addFilter(MalformedFilter())
