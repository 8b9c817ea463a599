"""A kept-running child: back-off, output, restart, grace, and nothing left behind.

The children are one-line Python programs, so each test takes some tens of milliseconds.
"""

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest

from modelport.local.process import Backoff, Command, Supervised, describe_exit

AT_ONCE = Backoff(first=0.0, longest=0.0)


def python(code, **options):
    return Command("child", (sys.executable, "-I", "-S", "-c", code), env={}, **options)


def reading(supervised):
    """Feed each line of its output into a queue."""
    lines = asyncio.Queue()
    supervised.on_line = lines.put_nowait
    return lines


async def next_line(lines):
    return await asyncio.wait_for(lines.get(), 10)


@pytest.fixture
async def keep():
    tasks = []

    def start(supervised):
        tasks.append((supervised, asyncio.create_task(supervised.run())))
        return supervised

    yield start
    for supervised, task in tasks:
        supervised.kill()
        await asyncio.wait_for(task, 10)


class TestBackoff:
    @pytest.mark.parametrize(
        ("previous", "uptime", "delay"),
        [
            pytest.param(None, 0, 1, id="the first failure waits the first delay"),
            pytest.param(1, 5, 2, id="the next one waits twice as long"),
            pytest.param(16, 0, 20, id="it never waits longer than the longest"),
            pytest.param(20, 60, 1, id="a minute of health begins again"),
        ],
    )
    def test_delay(self, previous, uptime, delay):
        assert Backoff(first=1, factor=2, longest=20, healthy_after=60).after(previous, uptime) == delay


class TestOutput:
    async def test_each_line_is_handed_on_also_the_last_without_an_end(self, keep):
        child = Supervised(python("print('one'); print('two', end='')"), backoff=Backoff(first=60))
        lines = reading(child)
        keep(child)
        assert [await next_line(lines), await next_line(lines)] == ["one", "two"]

    async def test_a_line_without_end_is_cut_and_not_held(self, keep):
        child = Supervised(python("import sys; sys.stdout.write('x' * 100_000)"), backoff=Backoff(first=60))
        lines = reading(child)
        keep(child)
        assert set(await next_line(lines)) == {"x"}

    async def test_both_streams_are_read(self, keep):
        child = Supervised(python("import sys; sys.stderr.write('oh no\\n')"), backoff=Backoff(first=60))
        lines = reading(child)
        keep(child)
        assert await next_line(lines) == "oh no"

    async def test_the_last_lines_are_kept_for_a_message(self, keep):
        child = Supervised(python("[print(i, flush=True) for i in range(100)]"), backoff=Backoff(first=60))
        lines = reading(child)
        keep(child)
        while await next_line(lines) != "99":
            pass
        assert list(child.last_lines)[-2:] == ["98", "99"]
        assert len(child.last_lines) == 20


class TestRestart:
    async def test_a_child_that_ends_is_started_again(self, keep):
        child = Supervised(python("import os; print(os.getpid())"), backoff=AT_ONCE)
        lines = reading(child)
        keep(child)
        assert await next_line(lines) != await next_line(lines)
        assert child.starts >= 2

    async def test_a_killed_child_is_started_again(self, keep):
        child = Supervised(python("import os, time; print(os.getpid(), flush=True); time.sleep(60)"), backoff=AT_ONCE)
        lines = reading(child)
        keep(child)
        first = int(await next_line(lines))
        os.kill(first, signal.SIGKILL)
        assert int(await next_line(lines)) != first
        assert child.last_exit == -signal.SIGKILL

    async def test_a_restart_that_is_asked_for_does_not_wait(self, keep):
        child = Supervised(python("import time; print('up', flush=True); time.sleep(60)"), backoff=Backoff(first=60))
        lines = reading(child)
        keep(child)
        await next_line(lines)
        await child.restart("the test wants it")
        assert await next_line(lines) == "up"

    async def test_what_belongs_to_a_start_is_done_after_each(self, keep):
        done = asyncio.Queue()

        async def on_start():
            done.put_nowait(child.starts)

        child = Supervised(python("pass"), on_start=on_start, backoff=AT_ONCE)
        keep(child)
        assert [await asyncio.wait_for(done.get(), 10) for _ in range(2)] == [1, 2]


class TestStop:
    async def test_it_gets_sigterm_first(self):
        code = "import os, signal, sys, time; signal.signal(15, lambda *_: (os.write(1, b'bye\\n'), sys.exit(3)))"
        child = Supervised(python(code + "; print('up', flush=True); time.sleep(60)"))
        lines = reading(child)
        task = asyncio.create_task(child.run())
        await next_line(lines)
        await child.stop()
        await asyncio.wait_for(task, 10)
        assert await next_line(lines) == "bye"
        assert (child.last_exit, child.starts, child.pid) == (3, 1, None)

    async def test_it_is_killed_after_the_grace(self):
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
        child = Supervised(python(code, grace_seconds=0.05))
        lines = reading(child)
        task = asyncio.create_task(child.run())
        await next_line(lines)
        await child.stop()
        await asyncio.wait_for(task, 10)
        assert child.last_exit == -signal.SIGKILL

    async def test_what_the_child_started_goes_with_it(self):
        code = (
            "import subprocess, sys, time\n"
            "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "print(grandchild.pid, flush=True); time.sleep(60)"
        )
        child = Supervised(python(code))
        lines = reading(child)
        task = asyncio.create_task(child.run())
        grandchild = psutil.Process(int(await next_line(lines)))
        await child.stop()
        await asyncio.wait_for(task, 10)
        await asyncio.to_thread(psutil.wait_procs, [grandchild], 5)
        assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE

    async def test_a_stopped_child_is_not_started_again_while_it_backs_off(self):
        ended = asyncio.Event()

        async def until_it_ends():
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        child = Supervised(python("pass"), on_start=until_it_ends, backoff=Backoff(first=60))
        task = asyncio.create_task(child.run())
        await asyncio.wait_for(ended.wait(), 10)
        await child.stop()
        await asyncio.wait_for(task, 10)
        assert child.starts == 1


def test_a_killed_supervisor_leaves_no_child():
    code = """
import asyncio, sys
from modelport.local.process import Command, Supervised
sleeper = (sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
asyncio.run(Supervised(Command("sleeper", sleeper, {}), on_line=lambda line: print(line, flush=True)).run())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with supervisor:
        child = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.kill()
    psutil.wait_procs([child], 5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "ended with status 0"), (-9, "was killed by SIGKILL"), (-250, "was killed by signal 250")],
)
def test_exit_in_words(status, words):
    assert describe_exit(status) == words
