"""One server of the control plane: a child process with a log, which never outlives the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelport.local.process import describe_exit, mortal

STOP_SECONDS = 10
LOG_TAIL = 2000


class ServerFailed(Exception):
    """A server ended or did not become ready; the message ends with what it logged last."""


@dataclass(frozen=True)
class Server:
    """A running program, in a process group of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, program: Path, *flags: str, log: Path) -> Server:
        """Start a program; whatever it prints goes to `log`."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                mortal([str(program), *flags], signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(program.name, process, log)

    def wait_until(self, what: Callable[[], bool], *, seconds: float) -> None:
        """Wait until `what` is true; raise ServerFailed if the server ends before that, or the time is over."""
        deadline = time.monotonic() + seconds
        while not what():
            if (status := self.process.poll()) is not None:
                raise ServerFailed(f"{self.name} {describe_exit(status)}; it logged:\n{self._last_lines()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} was not ready within {seconds} s; it logged:\n{self._last_lines()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it: SIGTERM, later SIGKILL, and then whatever it left in its process group. Returns when it is gone."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _last_lines(self) -> str:
        return self.log.read_bytes()[-LOG_TAIL:].decode("utf-8", "replace")
