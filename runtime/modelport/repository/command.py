"""`modelport fetch`: the init container of a Pod, and its last words, which the operator reads.

The last words are one line: on success what was found, as JSON, and on failure why, for a person. Everything that
happens on the way is in the log.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from time import monotonic
from typing import Final

from modelport import logs
from modelport.errors import ModelportError
from modelport.repository.capabilities import BY_NAME
from modelport.repository.pod import PodFetch, fetch_for_pod

log = logging.getLogger(__name__)

LAST_WORDS: Final = 1000
"""Characters; of all containers of a Pod together the kubelet keeps 12 KiB."""
PROGRESS_SECONDS: Final = 5.0
"""Between two log lines about a download."""
TERMINATED: Final = 128 + signal.SIGTERM
"""Exit code of a process that SIGTERM ended."""
TRITON_VARIABLE: Final = "MODELPORT_TRITON"

_EXAMPLE = """example:
  modelport fetch --resource resource.json --repository /models --serving /serving

Exit code: 0 the model lies ready, 1 it does not, 2 the command line is wrong."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `modelport fetch` its arguments."""
    parser.description = "Bring a Pod's model to its Triton and gateway: the Pod's init container."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    add("--resource", type=Path, required=True, metavar="FILE", help="the resource's fixed half, as JSON")
    add("--live", type=Path, metavar="FILE", help="its live half")
    add("--pins", type=Path, metavar="FILE", help="version and digest that an earlier Pod found")
    add("--repository", type=Path, required=True, metavar="DIR", help="Triton's model repository")
    add("--serving", type=Path, required=True, metavar="DIR", help="the gateway's configuration")
    add("--secrets", type=Path, metavar="DIR", help="what secretRef names, one file DIR/SECRET/ENTRY each")
    add("--volumes", type=Path, metavar="DIR", help="volumes that sources lie on: pvc://CLAIM/PATH is DIR/CLAIM/PATH")
    add(
        "--triton",
        type=_capabilities,
        default=os.environ.get(TRITON_VARIABLE, "full"),
        dest="capabilities",
        metavar="KIND",
        help=f"the Pod's Triton: {' or '.join(BY_NAME)} (PyPI's); default: ${TRITON_VARIABLE}, else full",
    )
    add("--local-files", action="store_true", help="take models from this machine's disk; for tests")
    add("--termination-log", type=Path, metavar="FILE", help="where to write the last words")
    add("--log-format", choices=sorted(logs.FORMATTERS), default="text", help="(default: %(default)s)")
    add("--log-level", choices=logs.LEVELS, default="info", help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Fetch, say the last words and return the exit code."""
    logs.configure(args.log_format, args.log_level)
    with suppress(ValueError):  # only the main thread has signals
        # The first process of a container is not ended by SIGTERM unless it says so. Nothing is lost by going at once.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED))
    options = PodFetch(**{each.name: getattr(args, each.name) for each in fields(PodFetch)})
    try:
        published = fetch_for_pod(options, Reporter())
    except ModelportError as error:
        return _fail(str(error), args.termination_log)
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}", args.termination_log)
    except Exception as error:
        log.exception("fetch failed for no known reason")
        return _fail(
            f"fetch failed by an internal error ({type(error).__name__}); its log tells more", args.termination_log
        )
    versions = [str(number) for number in published.versions]
    log.info("version %s is ready: %.3g MB, %s", ", ".join(versions), published.bytes / 1e6, published.digest)
    found = {"version": versions[-1], "digest": published.digest, "serving": versions}
    _say(json.dumps(found, separators=(",", ":")), args.termination_log)
    return 0


class Reporter:
    """Logs a download now and then; a `Progress`."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, uri: str, done_bytes: int, total_bytes: int | None) -> None:
        """Log how far it is, the first time and every PROGRESS_SECONDS."""
        now = self._clock()
        with self._lock:
            if uri in self._told and now - self._told[uri] < PROGRESS_SECONDS:
                return
            self._told[uri] = now
        total = f" of {total_bytes / 1e6:.3g}" if total_bytes else ""
        log.info("downloading %s: %.3g%s MB", uri, done_bytes / 1e6, total)


def _capabilities(text: str) -> object:
    if text not in BY_NAME:
        raise argparse.ArgumentTypeError(f"expected {' or '.join(BY_NAME)}, got {text!r}")
    return BY_NAME[text]


def _fail(cause: str, file: Path | None) -> int:
    line = "; ".join(cause.splitlines())[:LAST_WORDS]
    log.error("%s", line)
    _say(line, file)
    return 1


def _say(words: str, file: Path | None) -> None:
    if file is None:
        return
    try:
        file.write_text(words, "utf-8")
    except OSError as error:
        log.warning("%s cannot be written: %s", file, error.strerror)
