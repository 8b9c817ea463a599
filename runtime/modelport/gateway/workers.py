"""Several gateway processes on the same ports, and their parent, which starts anew the one that dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

from modelport.gateway.config import STOP_SIGNALS, GatewayOptions
from modelport.gateway.metrics import MULTIPROCESS_DIR, forget_worker
from modelport.gateway.sockets import Pair, close_pairs, file_numbers, format_numbers

log = logging.getLogger(__name__)

RESPAWN_SECONDS = 1.0
"""A worker lives at least this long before it is started again, so that one that cannot live does not spin."""


class Workers:
    """The parent of one process for each of `pairs`; `arguments` are the command line's, for each of them."""

    def __init__(self, options: GatewayOptions, pairs: Sequence[Pair], arguments: Sequence[str]) -> None:
        self._arguments = tuple(arguments)
        self._usage = options.usage
        self._root_pid = options.root_pid or os.getpid()
        self._pairs = pairs
        self._children: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._stopping = False

    def run(self) -> int:
        """Keep the workers alive until SIGTERM or SIGINT; then wait for each to end."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        with tempfile.TemporaryDirectory(prefix="modelport-metrics-") as folder:
            os.environ[MULTIPROCESS_DIR] = folder
            self._usage = self._usage or Path(folder, "usage")
            for index in range(len(self._pairs)):
                self._start(index)
            while self._children:
                for index, (child, started) in list(self._children.items()):
                    if child.poll() is not None:
                        self._ended(index, child, started)
                sleep(0.2)
        return 0

    def _start(self, index: int) -> None:
        own = [self._pairs[index]]
        inherited = ["--worker-index", str(index), "--sockets", format_numbers(own), "--root-pid", str(self._root_pid)]
        inherited += ["--usage", str(self._usage)]  # of all of them together, also where it need not outlive them
        command = [sys.executable, "-m", "modelport.gateway", *self._arguments, *inherited]
        self._children[index] = (subprocess.Popen(command, pass_fds=file_numbers(own)), monotonic())

    def _ended(self, index: int, child: subprocess.Popen[bytes], started: float) -> None:
        del self._children[index]
        forget_worker(child.pid)
        if self._stopping:
            return
        log.error("worker %d ended with exit code %d; it is started again", index, child.returncode)
        sleep(max(0.0, RESPAWN_SECONDS - (monotonic() - started)))
        if not self._stopping:
            self._start(index)

    def _stop(self, number: int, _: object) -> None:
        self._stopping = True
        close_pairs(self._pairs)
        for child, _started in self._children.values():
            child.send_signal(number)
