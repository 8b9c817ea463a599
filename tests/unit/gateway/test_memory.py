"""Freed memory is used again, and what is there at the start is not looked through again: in a process of its own."""

from __future__ import annotations

import subprocess
import sys

AGAIN = """
import gc, resource
from modelport.gateway.memory import forget_garbage_of_start, keep_freed_memory

def faults(size=16 << 20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
given_back = faults()
keep_freed_memory()
faults()
print(given_back, faults())
before = len(gc.get_objects())
forget_garbage_of_start()
print(before, len(gc.get_objects()))
"""


def test_a_large_request_finds_the_memory_of_the_last_one_and_the_collector_nothing() -> None:
    ran = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True, check=True)
    (given_back, kept), (before, after) = (map(int, line.split()) for line in ran.stdout.splitlines())

    assert kept * 4 < given_back
    assert after * 4 < before
