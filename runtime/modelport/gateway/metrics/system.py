"""CPU and memory, read at each scrape: of the container where there is one, else of this server's processes.

    cgroup v2 mounted for us   /sys/fs/cgroup/memory.current, absent in a machine's root cgroup
    cgroup v1 mounted for us   /sys/fs/cgroup/memory/release_agent, present in the root cgroup alone
    neither                    a process and all its descendants

`usage_reader` decides once. In a Pod the numbers are the gateway container's; Triton's container has its own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from modelport.gateway.metrics import table
from modelport.gateway.metrics.table import Declared, Reading

log = logging.getLogger(__name__)

CGROUPS = Path("/sys/fs/cgroup")
USAGE = (table.CPU_SECONDS, table.CPU_LIMIT, table.MEMORY, table.MEMORY_LIMIT)
UNLIMITED = 1 << 60
"""cgroup v1 writes "no limit" as the largest multiple of a page below 2^63 bytes; no machine has 2^60."""


def usage_reader(root_pid: int, cgroups: Path = CGROUPS) -> Callable[[], Reading]:
    """Choose how to read the metrics of `USAGE`; `root_pid` is the process to start from outside of a container."""
    memory = cgroups / "memory"
    if (cgroups / "memory.current").exists():
        read = read_cgroup_v2
    elif (memory / "memory.usage_in_bytes").exists() and not (memory / "release_agent").exists():
        read = read_cgroup_v1
    else:
        return ProcessTree(root_pid).read
    try:
        read(cgroups)
    except (OSError, ValueError, KeyError) as error:
        log.warning("the container's own figures cannot be read, its processes are summed instead: %s", error)
        return ProcessTree(root_pid).read
    return lambda: read(cgroups)


def read_cgroup_v2(folder: Path) -> Reading:
    """The unified hierarchy: `cpu.stat`, `cpu.max`, `memory.current`, `memory.stat`, `memory.max`."""
    quota, period = (folder / "cpu.max").read_text().split()
    limit = (folder / "memory.max").read_text().strip()
    return _reading(
        cpu=_table(folder / "cpu.stat")["usage_usec"] / 1e6,
        cores=None if quota == "max" else int(quota) / int(period),
        memory=int((folder / "memory.current").read_text()) - _table(folder / "memory.stat")["inactive_file"],
        limit=None if limit == "max" else int(limit),
    )


def read_cgroup_v1(folder: Path) -> Reading:
    """The hierarchies `cpuacct`, `cpu` and `memory`, each mounted below `folder`."""
    quota = int((folder / "cpu" / "cpu.cfs_quota_us").read_text())
    period = int((folder / "cpu" / "cpu.cfs_period_us").read_text())
    memory = folder / "memory"
    limit = int((memory / "memory.limit_in_bytes").read_text())
    return _reading(
        cpu=int((folder / "cpuacct" / "cpuacct.usage").read_text()) / 1e9,
        cores=None if quota < 0 else quota / period,
        memory=int((memory / "memory.usage_in_bytes").read_text())
        - _table(memory / "memory.stat")["total_inactive_file"],
        limit=None if limit >= UNLIMITED else limit,
    )


class ProcessTree:
    """A process and its descendants.

    What a descendant used before it ended is in its parent's `children` times, so the sum needs no memory of its own
    and every worker that is asked comes to the same one.
    """

    def __init__(self, pid: int = 0) -> None:
        """Start from `pid`; 0 for this process."""
        self._pid = pid or os.getpid()
        self._cpu = 0.0
        """CPU seconds last told: a child that nobody waited for takes its time with it, and a counter must not fall."""

    def read(self) -> Reading:
        """Sum over the processes that live now; nothing once the first of them is gone."""
        try:
            root = psutil.Process(self._pid)
            processes = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return {}
        cpu, memory = 0.0, 0
        for process in processes:
            with suppress(psutil.Error), process.oneshot():  # it ended meanwhile, or belongs to someone else
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                memory += process.memory_info().rss
        self._cpu = max(self._cpu, cpu)
        return _reading(cpu=self._cpu, cores=None, memory=memory, limit=None)


def _reading(cpu: float, cores: float | None, memory: int, limit: int | None) -> Reading:
    numbers: dict[Declared, float | None] = dict(zip(USAGE, (cpu, cores, memory, limit), strict=True))
    return {declared: [((), number)] for declared, number in numbers.items() if number is not None}


def _table(path: Path) -> dict[str, int]:
    """A file of `name number` lines."""
    return {name: int(number) for name, number in (line.split() for line in path.read_text().splitlines())}
