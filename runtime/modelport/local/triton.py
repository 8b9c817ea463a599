"""Triton as a child of `modelport serve`: its command line, its log, and its models loaded and unloaded over HTTP.

It listens on loopback only, on ports that are held for it: a socket of ours is bound to each for as long as we live, so
that nobody takes the port while Triton is down between two starts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

import aiohttp
import psutil

from modelport.gateway.formats.base import VersionState
from modelport.local.errors import LoadError, TritonDown
from modelport.local.process import Command
from modelport.local.triton_install import TritonInstallation

log = logging.getLogger("triton")

LOOPBACK: Final = "127.0.0.1"
EXIT_SECONDS: Final = 5
"""How long Triton waits for its models when it ends. The gateway has drained by then; only a dead stub takes it all."""
LOAD_SECONDS: Final = 600.0
"""A load that takes longer is given up: the backend hangs."""
UNLOAD_SECONDS: Final = 30.0
"""For a model's last requests and the end of its backend."""
SHM: Final = Path("/dev/shm")  # noqa: S108 - named by shm_overview(7)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the gateway finds Triton: what it is told as `--triton`, `--triton-http` and `--triton-metrics`."""

    grpc: str
    http: str | None = None
    metrics: str | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Triton's three endpoints on loopback."""

    grpc: int
    http: int
    metrics: int

    @property
    def endpoints(self) -> Endpoints:
        """The same as addresses."""
        metrics = f"http://{LOOPBACK}:{self.metrics}/metrics"
        return Endpoints(f"{LOOPBACK}:{self.grpc}", f"{LOOPBACK}:{self.http}", metrics)


@contextmanager
def held_ports() -> Iterator[Ports]:
    """Choose free ports and hold them. Triton cannot share its metrics port, so that one is only chosen."""
    with _bound(share=True) as grpc, _bound(share=True) as http:
        with _bound(share=False) as metrics:
            metrics_port = _number(metrics)
        yield Ports(_number(grpc), _number(http), metrics_port)


def build_command(installation: TritonInstallation, repository: Path, ports: Ports) -> Command:
    """Return the command that runs Triton on `repository` without any model yet."""
    argv = (
        str(installation.server),
        f"--model-repository={repository}",
        f"--backend-directory={installation.backends}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix(os.getpid())}",
        "--model-control-mode=explicit",
        "--exit-on-error=false",
        "--strict-readiness=false",
        f"--exit-timeout-secs={EXIT_SECONDS}",
        f"--http-address={LOOPBACK}",
        f"--grpc-address={LOOPBACK}",
        f"--metrics-address={LOOPBACK}",
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
        "--reuse-http-port=true",
        "--reuse-grpc-port=true",
        "--allow-gpu-metrics=false",
    )
    # SIGKILL upon our death: the stubs end by themselves when Triton is gone, and nobody is left to wait for a drain.
    return Command("triton", argv, installation.environment, EXIT_SECONDS + 5, signal.SIGKILL)


def shm_prefix(pid: int) -> str:
    """The beginning of the names of the shared memory regions of the Triton that process `pid` supervises."""
    return f"modelport_{pid}_"


def remove_shared_memory(folder: Path = SHM) -> None:
    """Remove the regions that killed Tritons left behind: of our own, which is down now, and of supervisors long gone.

    Nobody else gets this memory back.
    """
    for region in folder.glob("modelport_*_*"):
        pid = region.name.split("_")[1]
        if pid.isdigit() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            with suppress(OSError):  # another user's
                region.unlink()


class TritonModels:
    """Triton's model repository API (its HTTP extension "model repository"). A context manager."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}"

    async def __aenter__(self) -> Self:
        # Triton waits for open connections when it ends, so none is kept.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def live(self) -> bool:
        """Whether Triton answers at all."""
        try:
            async with self._session.get(f"{self._url}/v2/health/live", timeout=_within(2)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def wait_live(self) -> None:
        """Return when Triton answers."""
        while True:
            if await self.live():
                return
            await asyncio.sleep(0.05)

    async def load(self, name: str, config: str | None = None) -> None:
        """Load a model, or load it anew where its files changed; raise LoadError with Triton's reason.

        `config` is JSON that takes the place of the model's own config.pbtxt.
        """
        body = {} if config is None else {"parameters": {"config": config}}
        await self._post(f"models/{name}/load", LOAD_SECONDS, body)

    async def unload(self, name: str) -> None:
        """Forget a model; its requests in flight end first."""
        await self._post(f"models/{name}/unload", UNLOAD_SECONDS)

    async def states(self) -> dict[str, list[VersionState]]:
        """The state of each version of each model that Triton knows."""
        states: dict[str, list[VersionState]] = {}
        for entry in await self._post("index", 10):
            if entry.get("version"):
                state = VersionState(int(entry["version"]), entry.get("state", ""), entry.get("reason", ""))
                states.setdefault(entry["name"], []).append(state)
        return states

    async def settled(self, name: str) -> list[VersionState]:
        """The state of each version of a model, once none is on its way: a load that fails answers before it ends."""
        deadline = monotonic() + UNLOAD_SECONDS
        while True:
            states = (await self.states()).get(name, [])
            if monotonic() > deadline or not any(each.state in ("LOADING", "UNLOADING") for each in states):
                return states
            await asyncio.sleep(0.1)

    async def _post(self, path: str, seconds: float, content: Mapping[str, Any] = {}) -> Any:
        url = f"{self._url}/v2/repository/{path}"
        try:
            async with self._session.post(url, json=content, timeout=_within(seconds)) as answer:
                body = await answer.json(content_type=None)
        except TimeoutError as error:
            raise LoadError(f"Triton did not answer within {seconds:g} s") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise TritonDown("Triton ended while it was asked") from error
        if isinstance(body, dict) and "error" in body:
            raise LoadError(explain_load_error(str(body["error"])))
        return body


_PREAMBLE = re.compile(
    r"^(?:load failed for model '[^']*'|version \d+ is at UNAVAILABLE state|Internal|Invalid argument|Not found): "
)


def explain_load_error(error: str) -> str:
    """Return the cause in Triton's report as one sentence, without the backend's stack and what leads up to it."""
    cause = error.split("\n\nAt:\n")[0]
    while found := _PREAMBLE.match(cause):
        cause = cause[found.end() :]
    return " ".join(cause.split()).rstrip(";")


_LINE = re.compile(r"^(?P<level>[DIWEF])\d{4} [\d:.]+ \d+ (?P<source>[\w.]+:\d+)\] ?(?P<message>.*)$")
_LEVELS: Final = {
    "D": logging.DEBUG,
    "I": logging.DEBUG,
    "W": logging.DEBUG,
    "E": logging.ERROR,
    "F": logging.CRITICAL,
}
"""Triton's letters. It informs of every step and warns of every missing GPU, so both are for debugging."""
_TOLD = re.compile(r"CudaDriverHelper|Failed to create instance|[Ff]ailed to (?:load|poll)")
"""Errors that say nothing (a missing GPU), or that the answer to our request says better."""


def forward_log_line(line: str) -> None:
    """Log a line of Triton's under its level and without its time; tables and what has no form are for debugging."""
    found = _LINE.match(line)
    if found is None:
        if line and line[0] not in "+|":
            log.debug("%s", line)
        return
    if not found["message"]:  # a table follows
        return
    level = logging.DEBUG if _TOLD.search(line) else _LEVELS[found["level"]]
    message = found["message"].strip('"').split("\\n\\nAt:")[0]
    log.log(level, "%s", message, extra={"source": found["source"]})


def _within(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


def _bound(*, share: bool) -> socket.socket:
    bound = socket.socket()
    if share:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((LOOPBACK, 0))
    return bound


def _number(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port
