"""An operator as a process that can be killed at any moment, and that is soon there again, as in a Pod.

A fork server has read all modules beforehand, so that a new process works within a fraction of a second.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

import uvloop

from modelport_operator.config import Config
from modelport_operator.process import operate

KUBELET_SECONDS = 0.1
"""Between the end of a process and the start of the next one."""
STOP_SECONDS = 15.0

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def work(config: Config, kubeconfig: Path, log: Path) -> None:
    """Be an operator; whatever it prints is added to `log`."""
    os.environ["KUBECONFIG"] = str(kubeconfig)
    with log.open("ab") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s %(message)s")
    uvloop.run(operate(config))


class KillableOperator:
    """Keeps an operator running: one that ends is started again."""

    def __init__(self, config: Config, kubeconfig: Path, log: Path) -> None:
        self.starts = 0
        self._arguments = (config, kubeconfig, log)
        self._stop = threading.Event()
        self._process: Any = None
        self._thread = threading.Thread(target=self._keep, name="kubelet")

    def kill(self) -> None:
        """Kill the process that runs now, if one does."""
        process = self._process
        if process is not None:
            process.kill()

    def __enter__(self) -> KillableOperator:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _keep(self) -> None:
        while not self._stop.is_set():
            self._process = FORKS.Process(target=work, args=self._arguments, daemon=True)
            self._process.start()
            self.starts += 1
            while self._process.is_alive() and not self._stop.is_set():
                self._process.join(KUBELET_SECONDS)
        self._process.kill()
        self._process.join()
