"""What the C library does with memory that is free again."""

from __future__ import annotations

import ctypes
from typing import Final

KEPT_BYTES: Final = 32 << 20
"""The most that glibc takes as a threshold."""

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> None:
    """Have the next large request use the memory of the last one.

    Otherwise glibc gives the kernel back each large array that is freed, and the next one costs a page fault for every
    4 KiB, half of what reading a picture's numbers costs. Another C library is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
