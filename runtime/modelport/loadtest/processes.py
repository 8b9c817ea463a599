"""The same load from several processes, for servers faster than one Python client.

parent ── "go" ──────────────► child: drive(its share of the plan)
       ◄── (done, failed) …──
       ── "stop", or end ────►
       ◄────────── its Tally ──
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

import uvloop

from modelport.loadtest.client import OnProgress, Plan, drive
from modelport.loadtest.errors import LoadtestError
from modelport.loadtest.tally import Tally

_READY = "ready"
_EXIT_SECONDS = 10.0
"""A child that was told to stop and has not ended by then is killed."""


async def drive_processes(plan: Plan, processes: int, stop: asyncio.Event, on_progress: OnProgress) -> Tally:
    """Carry the plan out in `processes` processes that start together; return their results as one."""
    children = [_Child(share) for share in plan.split(processes)]
    try:
        await asyncio.gather(*(child.receive() for child in children))
        for child in children:
            child.link.send("go")

        def progress() -> None:
            on_progress(sum(child.done for child in children), sum(child.failed for child in children))

        running = asyncio.gather(*(child.result(progress) for child in children))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not running.done():
            for child in children:
                with suppress(OSError):  # it has sent its result and is gone
                    child.link.send("stop")
        whole = Tally()
        for tally in await running:
            whole.merge(tally)
        return whole
    finally:
        for child in children:
            child.close()


class _Child:
    """A client process, from the parent's side."""

    def __init__(self, plan: Plan) -> None:
        context = multiprocessing.get_context("spawn")
        self.link, theirs = context.Pipe()
        self.done = 0
        self.failed = 0
        self._process: SpawnProcess = context.Process(target=_main, args=(plan, theirs), daemon=True)
        self._process.start()
        theirs.close()

    async def receive(self) -> Any:
        """Return the child's next message."""
        await _readable(self.link)
        try:
            return self.link.recv()
        except (EOFError, OSError) as error:
            self._process.join(_EXIT_SECONDS)
            raise LoadtestError(f"a client process ended by itself (exit code {self._process.exitcode})") from error

    async def result(self, progress: Callable[[], None]) -> Tally:
        """Follow the child to its end."""
        while not isinstance(message := await self.receive(), Tally):
            self.done, self.failed = message
            progress()
        self.done, self.failed = message.total, message.failed
        progress()
        return message

    def close(self) -> None:
        """End the child, which stops at the closed pipe if it still runs."""
        self.link.close()
        self._process.join(_EXIT_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


async def _readable(link: Connection) -> None:
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(link.fileno(), arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(link.fileno())


def _main(plan: Plan, link: Connection) -> None:
    """Be the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when to stop
    link.send(_READY)
    try:
        link.recv()
        link.send(uvloop.run(_share(plan, link)))
    except (EOFError, BrokenPipeError):
        return  # the parent is gone, and nobody waits for the result


async def _share(plan: Plan, link: Connection) -> Tally:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(link.fileno(), stop.set)
    try:
        return await drive(plan, stop, lambda done, failed: link.send((done, failed)))
    finally:
        loop.remove_reader(link.fileno())
