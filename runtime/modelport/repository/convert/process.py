"""Runs a converter: bounded in time and memory, without the secrets of this process, its failure in one sentence."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from modelport.repository.convert.base import Converter
from modelport.repository.errors import InvalidModel

SECONDS = 1800.0
"""Longest conversion; large models take minutes."""
MEMORY_SHARE = 0.75
"""Of the machine's memory: a conversion that needs more fails by itself and takes nobody with it."""
INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")
"""Environment of a converter. A SavedModel is a program that may read files and variables: it gets no keys."""
MISSING = re.compile(r"No module named '?([\w.]+)")


def run(converter: Converter, command: list[str], result: Path, *, seconds: float = SECONDS) -> None:
    """Run a converter's command, which is to write `result`.

    Raises:
        InvalidModel: it is not installed, failed, took too long, or wrote nothing.
    """
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, start_new_session=True
            )
        except OSError as error:
            raise InvalidModel(f"{converter.variable}: {command[0]} cannot be run: {error.strerror}") from error
        try:
            limit = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MEMORY_SHARE)
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (limit, limit))
            code = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise InvalidModel(f"{converter.name} could not be converted to ONNX within {seconds:g} s") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code == 0 and result.is_file():
            return
        said = tail(log)
    if MISSING.search(said):
        raise converter.missing()
    raise InvalidModel(f"{converter.name} could not be converted to ONNX: {reason(said, code)}")


def tail(log: IO[bytes], length: int = 8192) -> str:
    """Return the end of what a process wrote."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - length))
    return log.read().decode("utf-8", "replace")


def reason(said: str, code: int) -> str:
    """Pick the sentence that tells why: the last line, which for a traceback is the exception."""
    if code < 0:
        return f"its converter was killed by {signal.Signals(-code).name}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:500] if lines else f"its converter ended with status {code}"
