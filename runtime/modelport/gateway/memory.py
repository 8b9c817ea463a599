"""What becomes of memory that is free again, in the C library and in Python."""

from __future__ import annotations

import ctypes
import gc
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


def forget_garbage_of_start() -> None:
    """Have the garbage collector never look again at what is there now: modules, types, and what else stays.

    Each of its full runs would stop all requests for some 50 ms to go through these.
    """
    gc.collect()
    gc.freeze()
