"""What a file system must be told for files to survive a power cut, to be read-only, and to be gone when removed."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

_EXECUTABLE = 0o111


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, lie on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def seal(folder: Path) -> int:
    """Make everything below a folder read-only and lasting; return the bytes of its files.

    The files' own bytes were synced by whoever wrote them. The folder itself stays writable: a single file may get
    further names in it.
    """
    size = 0
    for current, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(current, name)
            status = file.stat()
            size += status.st_size
            file.chmod(0o444 | (status.st_mode & _EXECUTABLE))
        sync(Path(current))
        if Path(current) != folder:
            Path(current).chmod(0o555)
    return size


def remove(path: Path) -> None:
    """Remove a file or a folder, sealed or not; what cannot be removed stays, since nothing refers to it."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for current, folders, _ in os.walk(path):
        for folder in (current, *(os.path.join(current, name) for name in folders)):  # noqa: PTH118
            os.chmod(folder, stat.S_IRWXU)  # noqa: PTH101
    shutil.rmtree(path, ignore_errors=True)
