"""Progress while a run lasts: a bar on a terminal, a line now and then elsewhere. Never on standard output."""

from __future__ import annotations

from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from modelport.loadtest.client import Plan

LINE_SECONDS = 10.0
"""Between two lines where there is no terminal."""


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """Shows how far a plan is; `update` is a client's `OnProgress`."""

    def __init__(self, plan: Plan, console: Console) -> None:
        """Show the plan's course on `console`."""
        self._plan = plan
        self._console = console
        self._started = self._printed = monotonic()
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=plan.seconds or plan.requests)

    def __enter__(self) -> ProgressDisplay:
        """Start."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the bar away."""
        self._bar.stop()

    def update(self, done: int, failed: int) -> None:
        """Take the counts so far."""
        words = f"{done} requests, {failed} failed"
        now = monotonic()
        self._bar.update(self._task, completed=now - self._started if self._plan.seconds else done, description=words)
        if not self._console.is_terminal and now - self._printed >= LINE_SECONDS:
            self._printed = now
            self._console.print(f"{now - self._started:.0f} s: {words}", highlight=False)
