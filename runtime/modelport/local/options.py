"""What `modelport serve` is told on its command line, and which ports it may use."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from modelport.api.names import GATEWAY_PORT, METRICS_PORT
from modelport.gateway.sockets import Pair, PortBusy, listen_pairs
from modelport.local.errors import ServeError, UsageError
from modelport.local.state import DEFAULT as DEFAULT_STATE

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Made once from the command line and passed down."""

    paths: tuple[Path, ...]
    """Manifests, or folders of them."""
    host: str = "127.0.0.1"
    """Address to listen on; this machine only unless another one is named."""
    port: int = GATEWAY_PORT
    """Port of the models' APIs; 0 takes a free one."""
    metrics_port: int = METRICS_PORT
    """Port of health and metrics; 0 takes a free one."""
    triton: str | None = None
    """HOST:PORT (gRPC) of a Triton that runs already; None to run one."""
    triton_http: str | None = None
    """HOST:PORT of its HTTP endpoint, the faster way for inferences."""
    workers: int = 1
    """Gateway processes."""
    state: Path = DEFAULT_STATE
    """Folder of keys and what Triton and the gateway read."""
    keys: Path | None = None
    """File of MODEL:NAME:KEY lines; None to generate keys."""
    secrets: Path | None = None
    """Folder of Secrets, SECRET/ENTRY."""
    allow_loopback_images: bool = False
    """Pictures named by URL may come from this machine; for tests."""
    log_format: str = "text"
    log_level: str = "info"

    def address(self, port: int) -> str:
        """Return the URL of one of our ports, as one would type it on this machine."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
        host = everywhere.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{port}"


def listen(options: ServeOptions) -> list[Pair]:
    """Bind the ports, a pair of sockets for each worker; raise ServeError that names the option to change."""
    try:
        return listen_pairs(options.host, options.port, options.metrics_port, options.workers)
    except PortBusy as error:
        option = "--metrics-port" if error.port == options.metrics_port else "--port"
        raise ServeError(f"{error}; choose another port by {option}") from error


def parse_address(text: str, option: str) -> str:
    """Check `HOST:PORT`; raise UsageError otherwise."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{option} {text}: expected HOST:PORT, an address of a Triton, such as 127.0.0.1:8001")
    return text


def refuse_unreachable(address: str, option: str) -> None:
    """Raise ServeError if nobody listens at `HOST:PORT`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ServeError(f"{option} {address}: cannot be reached: {error.strerror or error}") from error
