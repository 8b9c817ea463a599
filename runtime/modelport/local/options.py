"""What `modelport serve` is told on its command line, and which ports it may use."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from modelport.api.names import GATEWAY_PORT, METRICS_PORT
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


def free_port(host: str, port: int, option: str) -> int:
    """Return `port` if one can listen on it now, or a free one for 0; raise ServeError that names the option."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
            number: int = probe.getsockname()[1]
            return number
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port by {option}"
        ) from error
    except OverflowError as error:
        raise UsageError(f"{option} {port}: a port is a number from 0 to 65535") from error


def parse_address(text: str, option: str) -> str:
    """Check `HOST:PORT`; raise UsageError otherwise."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{option} {text}: expected HOST:PORT, the gRPC address of a Triton, such as 127.0.0.1:8001")
    return text


def refuse_unreachable(address: str, option: str) -> None:
    """Raise ServeError if nobody listens at `HOST:PORT`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ServeError(f"{option} {address}: cannot be reached: {error.strerror or error}") from error
