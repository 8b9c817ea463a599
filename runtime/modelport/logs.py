"""Structured logs: one line a record, as text for people or as JSON for machines, to stderr.

Every process of Modelport calls `configure` once at its start. Whatever a call passes in `extra` becomes a field of
the line (`request_id`, `model` …). Keys and signatures of URLs are never passed to a logger.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

LEVELS: Final = ("debug", "info", "warning", "error")
"""What `--log-level` takes, from the most to the least talkative."""

OURS: Final = ("modelport", "modelport_operator", "triton")
"""Loggers that follow `--log-level`, with all below them."""

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""What every record has anyway; the rest came by `extra`."""


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the caller passed in `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}


class JsonFormatter(logging.Formatter):
    """`{"ts": "2026-11-22T14:10:08.123Z", "level": "info", "logger": …, "message": …, …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON; an exception's traceback is the field `exception`."""
        line = {
            "ts": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


class TextFormatter(logging.Formatter):
    """`2026-11-22T14:10:08.123Z INFO    modelport.gateway  the message  model=half_plus_two`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback below it if there is one."""
        extra = "".join(f"  {name}={value}" for name, value in fields(record).items())
        line = f"{_timestamp(record)} {record.levelname:<7} {record.name}  {record.getMessage()}{extra}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


FORMATTERS: Final[dict[str, type[logging.Formatter]]] = {"text": TextFormatter, "json": JsonFormatter}
"""By the name that `--log-format` takes."""


def configure(log_format: str = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Send our loggers' records of `level` and above to `stream` (stderr), replacing whatever was set up before.

    Of libraries only warnings are shown: their details tell a reader of our logs nothing.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(FORMATTERS[log_format]())
    wanted = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(wanted, logging.WARNING), force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(wanted)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
