"""A child process that is kept running: started, listened to, started again with back-off, and ended with grace.

Nothing outlives its supervisor: the child asks the kernel for a signal upon its parent's death before it becomes the
program, and lies in a process group of its own, which is swept when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_LAUNCH = """
import ctypes, os, sys
parent, death_signal, *argv = sys.argv[1:]
ctypes.CDLL(None).prctl(1, int(death_signal))  # PR_SET_PDEATHSIG
if os.getppid() != int(parent):  # it died before the line above
    sys.exit(1)
os.execv(argv[0], argv)
"""
"""Run between fork and the program. A `preexec_fn` would do the same and is unsafe in a process that has threads."""

_LONGEST_LINE = 8192
_LINES_KEPT = 20


def mortal(argv: Sequence[str], death_signal: signal.Signals = signal.SIGTERM) -> tuple[str, ...]:
    """Return a command line that runs `argv` (the first an absolute path) and gets `death_signal` when we die.

    The kernel minds the thread that starts it: that one must live as long as the child shall.
    """
    return (sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(int(death_signal)), *argv)


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments."""

    name: str
    """What messages call it."""
    argv: tuple[str, ...]
    """The first is an absolute path."""
    env: Mapping[str, str]
    grace_seconds: float = 10.0
    """From SIGTERM to SIGKILL."""
    death_signal: signal.Signals = signal.SIGTERM
    """What it gets when the supervisor dies without a word."""
    sockets: tuple[int, ...] = ()
    """File numbers that it inherits, the same for every process that runs the command."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next start; seconds throughout."""

    first: float = 0.25
    factor: float = 2.0
    longest: float = 30.0
    healthy_after: float = 60.0
    """A process that ran this long begins again at `first`."""

    def after(self, previous: float | None, uptime: float) -> float:
        """Return the delay that follows `previous` (None before the first failure), once the process ran `uptime`."""
        if previous is None or uptime >= self.healthy_after:
            return self.first
        return min(previous * self.factor, self.longest)


@dataclass(slots=True, eq=False)
class Supervised:
    """A command and the process that runs it now.

    `on_line` takes each line of its output; without it the output goes where ours goes. `on_start` is awaited beside
    each new process, and cancelled when that process ends; `on_exit` is called when process and group are gone.
    """

    command: Command
    on_line: Callable[[str], None] | None = None
    on_start: Callable[[], Awaitable[None]] | None = None
    on_exit: Callable[[], None] | None = None
    backoff: Backoff = field(default_factory=Backoff)
    starts: int = 0
    last_exit: int | None = None
    """The latest exit status; negative for a signal."""
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))
    _process: asyncio.subprocess.Process | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _at_once: bool = False

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Start it, and start it again whenever it ends, until `stop`."""
        delay: float | None = None
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._run_once()
            if self._stopping.is_set():
                return
            if self._at_once:
                self._at_once = False
                continue
            delay = self.backoff.after(delay, time.monotonic() - began)
            log.error("%s %s; it starts again in %.3g s", self.command.name, describe_exit(self.last_exit), delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def restart(self, reason: str) -> None:
        """End the process now, without grace; `run` starts the next one at once."""
        if self._process and not self._stopping.is_set():
            log.error("%s is started again: %s", self.command.name, reason)
            self._at_once = True
            self._signal_group(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """End it: SIGTERM, and after the grace SIGKILL for it and all that it started. Returns when it is gone."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.command.grace_seconds)
        except TimeoutError:
            log.warning("%s did not end within %g s and is killed", self.command.name, self.command.grace_seconds)
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """End it and all that it started at once."""
        self._stopping.set()
        if self._process and self._process.returncode is None:
            self._signal_group(self._process.pid, signal.SIGKILL)

    async def _run_once(self) -> None:
        process, output = await self._start()
        self._process = process
        self.starts += 1
        beside = [asyncio.create_task(self._listen(output))] if output is not None else []
        if self.on_start:
            beside.append(asyncio.create_task(_logged(self.on_start(), self.command.name)))
        try:
            if self._stopping.is_set():  # asked to stop while it was being started
                self._signal_group(process.pid, signal.SIGKILL)
            self.last_exit = await process.wait()
        finally:
            # The group keeps its number as long as it has members, so this reaches only what the process left behind.
            self._signal_group(process.pid, signal.SIGKILL)
            self._process = None
            await _finish(beside)
            if self.on_exit:
                self.on_exit()

    async def _start(self) -> tuple[asyncio.subprocess.Process, int | None]:
        """Return the process and the end of the pipe from which its output is read.

        The pipe is ours and not asyncio's, whose `wait` would wait for every heir of the pipe too.
        """
        read, write = os.pipe() if self.on_line else (None, None)
        try:
            process = await asyncio.create_subprocess_exec(
                *mortal(self.command.argv, self.command.death_signal),
                env=dict(self.command.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                start_new_session=True,
                pass_fds=self.command.sockets,
            )
        except BaseException:
            if read is not None:
                os.close(read)
            raise
        finally:
            if write is not None:
                os.close(write)
        return process, read

    async def _listen(self, output: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb", buffering=0)
        )
        try:
            rest = b""
            while chunk := await reader.read(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(rest) > _LONGEST_LINE:
                    self._take(rest)
                    rest = b""
            if rest:
                self._take(rest)
        finally:
            transport.close()

    def _take(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip()
        self.last_lines.append(text)
        if self.on_line:
            self.on_line(text)

    @staticmethod
    def _signal_group(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)


def describe_exit(status: int | None) -> str:
    """Word an exit status: `ended with status 1`, `was killed by SIGKILL`."""
    if status is None:
        return "has not ended"
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


async def _logged(work: Awaitable[None], name: str) -> None:
    try:
        await work
    except Exception:
        log.exception("what belongs to the start of %s failed", name)


async def _finish(tasks: list[asyncio.Task[None]]) -> None:
    """Let output already written be read, then end what is left."""
    if tasks:
        await asyncio.wait(tasks, timeout=0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
