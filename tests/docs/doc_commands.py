"""The commands of a page of the documentation: found, told apart from those that cannot run, and run one after another.

    ```console          a block: lines after `$ ` are commands, `> ` goes on with one (or it ends in a backslash),
    $ echo a b          the other lines are what they print; `…` stands for anything
    a b
    ```

A paragraph right above a block changes what is done with it:

    *Not run by the tests: needs Docker.*       it is left out, for that reason
    In a terminal of its own:                   it goes on in the background until the page ends
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

DOCS: Final = Path(__file__).parents[2] / "docs"
CLUSTER_PAGES: Final = (
    "install",
    "troubleshooting",
    "keys-and-limits",
    "schedules",
    "autoscaling",
    "gpus",
    "upgrading",
)
"""Guides whose commands are typed beside the tutorial's cluster; the others' need one machine."""
NOT_RUN: Final = re.compile(r"\*Not run by the tests: (.+)\.\*")
END_SECONDS: Final = 30.0
"""For what a page has started to end what it has started itself, before it is killed."""
BORDER: Final = re.compile("[─│╭╮╰╯├┤┬┴┼]+")
OWN_TERMINAL: Final = "In a terminal of its own:"
PROGRAMS: Final = (
    *("kubectl", "helm", "kind", "docker", "make", "modelport", "curl", "pip", "python", "python3", "prometheus"),
    *(
        "promtool",
        "git",
        "oras",
        "hf",
        "nvidia-smi",
        "sha256sum",
        "cd",
        "export",
        "cat",
        "sudo",
        "scripts/",
        ".venv/bin/",
    ),
)
"""What the commands of the pages begin with: by it those are found that stand outside of a block."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a reader types, and what the page says that it prints."""

    line: int
    text: str
    printed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """The commands of one fence."""

    line: int
    commands: Sequence[Command]
    why_not: str = ""
    """Why it cannot run in the tests; empty where it does."""
    background: bool = False


class PageError(AssertionError):
    """A command failed or printed something else; the message has the line of the page."""


def read_blocks(page: str) -> list[Block]:
    """Return a page's blocks of commands in their order."""
    blocks, above = [], ""
    lines = enumerate(page.splitlines(), start=1)
    for number, line in lines:
        fence = re.match(r"( *)```(\w*)", line)
        if fence is None:
            above = line.strip() or above
            continue
        inside = [(at, text.removeprefix(fence[1])) for at, text in _until_fence(lines)]
        if fence[2] == "console":
            why_not = NOT_RUN.fullmatch(above)
            commands = list(_read_commands(inside))
            blocks.append(Block(number, commands, why_not[1] if why_not else "", above == OWN_TERMINAL))
        above = ""
    return blocks


def _until_fence(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if line.strip() == "```":
            return
        yield number, line


def _read_commands(lines: Sequence[tuple[int, str]]) -> Iterator[Command]:
    number, text, printed = 0, "", list[str]()
    for at, line in lines:
        if line.startswith("$ "):
            if text:
                yield Command(number, text, printed)
            number, text, printed = at, line[2:], []
        elif not printed and (text.endswith("\\") or line.startswith("> ")):
            text += "\n" + line.removeprefix("> ")
        elif not text:
            raise PageError(f"line {at}: a block begins with `$ ` and a command, not with {line!r}")
        else:
            printed.append(line)
    if text:
        yield Command(number, text, printed)


def find_strays(page: str) -> list[str]:
    """Return the lines that look like commands and stand in no block, where no test would find them."""
    strays, fence = [], None
    for number, line in enumerate(page.splitlines(), start=1):
        if found := re.match(r" *```(\w*)", line):
            fence = found[1] if fence is None else None
        elif fence in ("", "sh", "bash", "shell") or (fence is None and line.startswith("    ")):
            word = line.strip().removeprefix("$ ").split(" ")[0]
            if word in PROGRAMS or any(word.startswith(each) for each in PROGRAMS if each.endswith("/")):
                strays.append(f"line {number}: {line.strip()}")
    return strays


class Page:
    """One shell in which the commands of a page run, in a folder. What they started ends with it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._log = (folder / "printed.log").open("a+b")  # what others write goes to its end
        self._told, status = os.pipe()
        self._tell = f"echo $? >&{status}"
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env={**os.environ, "COLUMNS": "120", **environment},
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=[status],
            start_new_session=True,
        )
        os.close(status)

    def run(self, blocks: Sequence[Block], seconds: float = 120) -> int:
        """Run all that is not left out, each command in some seconds at most; return how many there were."""
        commands = [(block, command) for block in blocks if not block.why_not for command in block.commands]
        for block, command in commands:
            if block.background:
                self._start(command, seconds)
            else:
                self._run(command, seconds)
        return len(commands)

    def read(self, text: str, seconds: float = 120) -> str:
        """Run a command that stands on no page; return what it printed."""
        return self._run(Command(0, text), seconds)

    def _run(self, command: Command, seconds: float) -> str:
        before = self._log.seek(0, os.SEEK_END)
        self._write(f"{{ {command.text}\n}} </dev/null")
        self._write(self._tell)
        if not select.select([self._told], [], [], seconds)[0]:
            raise PageError(f"line {command.line}: {command.text}\ntook more than {seconds:g} s")
        status = os.read(self._told, 100).decode().strip()
        self._log.seek(before)
        printed = self._log.read().decode(errors="replace")
        if status != "0" or (missing := find_missing(command.printed, printed)):
            wrong = f"ended with {status}" if status != "0" else f"did not print {missing!r}"
            raise PageError(f"line {command.line}: {command.text}\n{wrong}; it printed\n{printed}")
        return printed

    def _start(self, command: Command, seconds: float) -> None:
        log = self._folder / f"line-{command.line}.log"
        self._write(f"{{ {command.text}\n}} >{log} 2>&1 </dev/null &")
        until = time.monotonic() + seconds
        while not log.exists() or (missing := find_missing(command.printed, log.read_text(errors="replace"))):
            if time.monotonic() > until:
                printed = log.read_text(errors="replace") if log.exists() else ""
                raise PageError(f"line {command.line}: {command.text}\ndid not print {missing!r} but\n{printed}")
            time.sleep(0.1)

    def _write(self, text: str) -> None:
        assert self._shell.stdin
        self._shell.stdin.write(f"{text}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The shell goes first, and what it started needs a moment to end what it has started itself.
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + END_SECONDS
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, number)
                while time.monotonic() < until:
                    self._shell.poll()
                    os.killpg(self._shell.pid, 0)
                    time.sleep(0.1)
        assert self._shell.stdin
        with suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._log.close()
        os.close(self._told)


def find_missing(expected: Sequence[str], printed: str) -> str:
    """Return the first line of a page that was not printed after those before it; empty if all were.

    `…` stands for anything, and blanks for any number of them; borders of tables are not looked at.
    """
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for text in (text for text in expected if not BORDER.fullmatch(text)):
        pattern = ".*".join(re.escape(part) for part in re.split(r"\s*…\s*", " ".join(text.split())))
        if pattern not in ("", ".*") and not any(re.fullmatch(pattern, line) for line in lines):
            return text
    return ""
