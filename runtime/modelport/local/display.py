"""What a person sees while a server starts: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TaskID, TextColumn, TransferSpeedColumn

PLAIN_SECONDS = 5.0
"""Between two lines about the same download."""


class Display(Protocol):
    """A context manager; both methods may be called from any thread."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def say(self, text: str) -> None:
        """Show one line."""

    def transferred(self, uri: str, done_bytes: int, total_bytes: int | None) -> None:
        """Show how far a download is (`modelport.repository.progress`)."""


def open_display(stream: TextIO | None = None) -> Display:
    """Return the display that fits where the output goes."""
    stream = stream or sys.stdout
    return TerminalDisplay(Console(file=stream)) if stream.isatty() else PlainDisplay(stream)


class PlainDisplay:
    """Lines, one after the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def say(self, text: str) -> None:
        """Print it at once, also into a pipe."""
        print(text, file=self._stream, flush=True)

    def transferred(self, uri: str, done_bytes: int, total_bytes: int | None) -> None:
        """Print a line now and then."""
        now = time.monotonic()
        with self._lock:
            if now - self._told.setdefault(uri, now) < PLAIN_SECONDS:
                return
            self._told[uri] = now
        total = f" of {total_bytes / 1e6:.0f}" if total_bytes else ""
        self.say(f"downloading {uri}: {done_bytes / 1e6:.0f}{total} MB")


class TerminalDisplay:
    """Lines, and below them a bar for each download."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print it above the bars."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def transferred(self, uri: str, done_bytes: int, total_bytes: int | None) -> None:
        """Move the bar of this download, which ends with it."""
        with self._lock:
            if uri not in self._tasks:
                self._tasks[uri] = self._progress.add_task(uri, total=total_bytes)
            task = self._tasks[uri]
        done = total_bytes is not None and done_bytes >= total_bytes
        self._progress.update(task, completed=done_bytes, total=total_bytes, visible=not done)
