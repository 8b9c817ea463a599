"""Several gateway processes on the same ports, and their parent.

Each worker has a listening socket of its own on each port (SO_REUSEPORT: the kernel spreads the connections). The
parent holds the sockets, so that connections wait while a dead worker is started anew.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from time import monotonic, sleep

from modelport.gateway.config import GatewayOptions
from modelport.gateway.metrics import MULTIPROCESS_DIR, forget_worker
from modelport.gateway.server import STOP_SIGNALS, listen

log = logging.getLogger(__name__)

RESPAWN_SECONDS = 1.0
"""A worker lives at least this long before it is started again, so that one that cannot live does not spin."""


class Workers:
    """The parent of `options.workers` processes; `arguments` are the command line's, for each of them."""

    def __init__(self, options: GatewayOptions, arguments: Sequence[str]) -> None:
        """Bind the ports; raises PortBusy."""
        ports = []
        for port in (options.port, options.metrics_port):
            # Bound alone first: with SO_REUSEPORT another server of the same user would be joined, not noticed.
            with listen(options.host, port) as alone:
                ports.append(alone.getsockname()[1])
        self._arguments = tuple(arguments)
        self._root_pid = options.root_pid or os.getpid()
        self._sockets = [[listen(options.host, port, shared=True) for port in ports] for _ in range(options.workers)]
        self._children: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._stopping = False

    def run(self) -> int:
        """Keep the workers alive until SIGTERM or SIGINT; then wait for each to end."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        with tempfile.TemporaryDirectory(prefix="modelport-metrics-") as folder:
            os.environ[MULTIPROCESS_DIR] = folder
            for index in range(len(self._sockets)):
                self._start(index)
            while self._children:
                for index, (child, started) in list(self._children.items()):
                    if child.poll() is not None:
                        self._ended(index, child, started)
                sleep(0.2)
        return 0

    def _start(self, index: int) -> None:
        numbers = [bound.fileno() for bound in self._sockets[index]]
        inherited = ["--worker-index", str(index), "--sockets", ",".join(map(str, numbers))]
        inherited += ["--root-pid", str(self._root_pid)]
        command = [sys.executable, "-m", "modelport.gateway", *self._arguments, *inherited]
        self._children[index] = (subprocess.Popen(command, pass_fds=numbers), monotonic())

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
        for bound in (each for pair in self._sockets for each in pair):
            bound.close()
        for child, _started in self._children.values():
            child.send_signal(number)


def inherited_sockets(numbers: str) -> tuple[socket.socket, socket.socket]:
    """The public and the metrics socket of a worker, by the numbers that `--sockets` gives."""
    public, metrics = (socket.socket(fileno=int(number)) for number in numbers.split(","))
    return public, metrics
