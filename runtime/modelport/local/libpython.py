"""Where the interpreter's shared library lies; Triton's Python backend is linked against it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path


def soname() -> str:
    """The library's name for this interpreter's version, `libpython3.11.so.1.0`."""
    return f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"


def find_libpython() -> Path | None:
    """Return the library that belongs to this interpreter, else one of its version that the linker knows, else None."""
    name = soname()
    beside = (Path(folder) / name for folder in _folders())
    return next((path for path in beside if path.is_file()), parse_ldconfig(_ldconfig(), name))


def parse_ldconfig(listing: str, name: str) -> Path | None:
    """Find a 64-bit library in what `ldconfig -p` prints: `	libm.so.6 (libc6,x86-64) => /lib/…/libm.so.6`."""
    found = re.search(rf"^\s*{re.escape(name)} \([^)]*x86-64[^)]*\) => (\S+)$", listing, re.MULTILINE)
    return Path(found[1]) if found else None


def _folders() -> Iterable[str]:
    if folder := sysconfig.get_config_var("LIBDIR"):
        yield folder
    yield f"{sys.base_prefix}/lib"  # interpreters that were moved after they were built name another LIBDIR
    yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))


def _ldconfig() -> str:
    # An ordinary user's PATH does not name /sbin.
    for program in ("ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"):
        with contextlib.suppress(OSError):
            return subprocess.run([program, "-p"], capture_output=True, text=True, check=False).stdout
    return ""
