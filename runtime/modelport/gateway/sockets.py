"""Listening sockets: bound by whoever starts the gateway, and handed down to the process that serves on them.

A process that holds them while another one is started anew makes clients wait instead of refusing them. Several workers
have a socket each on the same port (SO_REUSEPORT: the kernel spreads the connections).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modelport.errors import ModelportError

BACKLOG = 1024
"""Connections that the kernel holds while the process is busy."""


class PortBusy(ModelportError):
    """A port that cannot be listened on."""

    def __init__(self, host: str, port: int, why: str) -> None:
        """Take where, and why in the system's words."""
        super().__init__(f"cannot listen on {host}:{port}: {why}")
        self.port = port


class Pair(NamedTuple):
    """What one worker listens on."""

    public: socket.socket
    metrics: socket.socket

    @property
    def ports(self) -> tuple[int, int]:
        """The public and the metrics port."""
        return self.public.getsockname()[1], self.metrics.getsockname()[1]


def listen_pairs(host: str, port: int, metrics_port: int, workers: int) -> list[Pair]:
    """Bind both ports, 0 for free ones, once for each worker; raise PortBusy."""
    alone = _listen_pair(host, (port, metrics_port), shared=False)
    if workers == 1:
        return [alone]
    # Bound alone first: with SO_REUSEPORT another server of the same user would be joined, not noticed.
    ports = alone.ports
    close_pairs([alone])
    return [_listen_pair(host, ports, shared=True) for _ in range(workers)]


def _listen_pair(host: str, ports: tuple[int, int], *, shared: bool) -> Pair:
    public = listen(host, ports[0], shared=shared)
    try:
        return Pair(public, listen(host, ports[1], shared=shared))
    except PortBusy:
        public.close()
        raise


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind one port. `shared` lets other sockets of the same user bind it too."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise PortBusy(host, port, error.strerror or str(error)) from error
    except OverflowError as error:
        bound.close()
        raise PortBusy(host, port, "a port is a number from 0 to 65535") from error
    bound.setblocking(False)
    return bound


def close_pairs(pairs: Iterable[Pair]) -> None:
    """Stop listening, as far as this process is concerned."""
    for pair in pairs:
        for bound in pair:
            bound.close()


def file_numbers(pairs: Iterable[Pair]) -> tuple[int, ...]:
    """Return the numbers by which a child process inherits the sockets: public, metrics, public, metrics …"""
    return tuple(bound.fileno() for pair in pairs for bound in pair)


def format_numbers(pairs: Iterable[Pair]) -> str:
    """Word the sockets for `--sockets`."""
    return ",".join(map(str, file_numbers(pairs)))


def inherit(text: str) -> list[Pair]:
    """Take sockets over that the parent named by `--sockets`."""
    bound: Sequence[socket.socket] = [socket.socket(fileno=int(number)) for number in text.split(",")]
    return [Pair(*bound[start : start + 2]) for start in range(0, len(bound), 2)]
