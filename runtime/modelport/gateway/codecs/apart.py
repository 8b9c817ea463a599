"""Compressed DICOM frames, decoded in a process of their own.

gdcm is the one library of a free licence that reads all of them, and a damaged frame can end the process that it runs
in: its C++ exceptions pass Python by (python-gdcm, issue 34). So it runs in a child, which is started when first
needed and again after it ended, and which leaves when the gateway does: then its connection closes.

    Apart.decode ── index, file ──► main ── shape and type, values ──► Apart.decode
"""

from __future__ import annotations

import atexit
import io
import json
import resource
import socket
import struct
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SECONDS: Final = 60
"""Longest time for one frame, the start of the child included. Real frames take less than one second."""
MEMORY: Final = 4 * 2**30
"""Most address space of the child in bytes: a frame of 50 million pixels several times over."""

_INDEX: Final = struct.Struct(">I")


class Values(NamedTuple):
    """A decoded frame, as pydicom gives it."""

    values: NDArray[Any]
    """Integers, height x width or height x width x 3."""
    photometric: str
    """The photometric interpretation that they are in now."""


class Undecodable(Exception):
    """The frame is damaged, of a kind that gdcm does not read, or took too long."""


class Apart:
    """The child, from this side. Frames wait for one another, so that a bad one ends no other."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Start nothing yet; one frame may take `seconds`."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: tuple[subprocess.Popen[bytes], Connection] | None = None

    def decode(self, data: bytes, index: int) -> Values:
        """Decode one frame of a DICOM file, both known to be of bounded size; raise Undecodable."""
        with self._lock:
            connection = self._connection()
            try:
                connection.send_bytes(_INDEX.pack(index) + data)
                if not connection.poll(self._seconds):
                    raise TimeoutError(f"no answer in {self._seconds} s")
                header, values = connection.recv_bytes(), connection.recv_bytes()
            except (EOFError, OSError) as error:  # it has ended, or has to
                self._stop()
                raise Undecodable("the decoder did not survive the frame") from error
        said = json.loads(header)
        if "error" in said:
            raise Undecodable(said["error"])
        return Values(np.frombuffer(values, said["dtype"]).reshape(said["shape"]), said["photometric"])

    def close(self) -> None:
        """End the child, if there is one; a later frame starts another."""
        with self._lock:
            self._stop()

    def _connection(self) -> Connection:
        if self._child is not None and self._child[0].poll() is not None:  # ended by someone else, between frames
            self._stop()
        self._child = self._child or _start()
        return self._child[1]

    def _stop(self) -> None:
        if self._child is not None:
            process, connection = self._child
            self._child = None
            connection.close()
            process.kill()
            process.wait()


def _start() -> tuple[subprocess.Popen[bytes], Connection]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # the libraries' remarks on callers' files
            start_new_session=True,  # Ctrl-C is for the gateway, which then closes the connection
        )
    return process, Connection(ours.detach())


def main(descriptor: int) -> None:
    """Be the child: answer one frame after another until the connection closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = Connection(descriptor)
    while True:
        try:
            asked = connection.recv_bytes()
        except EOFError:
            return
        header, values = _answer(asked[_INDEX.size :], _INDEX.unpack_from(asked)[0])
        connection.send_bytes(json.dumps(header).encode())
        connection.send_bytes(values)


def _answer(data: bytes, index: int) -> tuple[dict[str, Any], bytes]:
    from pydicom import dcmread
    from pydicom.pixels.decoders.base import get_decoder

    try:
        dataset = dcmread(io.BytesIO(data))
        values, properties = get_decoder(dataset.file_meta.TransferSyntaxUID).as_array(dataset, index=index)
    except Exception as error:  # pydicom raises errors of every class; with bytes from a caller all mean the same
        return {"error": str(error)}, b""
    header = {
        "dtype": values.dtype.str,
        "shape": values.shape,
        "photometric": str(properties["photometric_interpretation"]),
    }
    return header, values.tobytes()


APART: Final = Apart()
"""The one child of this process."""
atexit.register(APART.close)

if __name__ == "__main__":
    atexit.unregister(APART.close)
    main(int(sys.argv[1]))
