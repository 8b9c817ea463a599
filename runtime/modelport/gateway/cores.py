"""How many cores this process may use; a Pod's limit lies far below the number of its node's cores.

The limit is the container's own cgroup, as it is mounted inside (kernel: admin-guide/cgroup-v2.rst, `cpu.max`, and
scheduler/sched-bwc.rst for version 1).
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Return the cores that the scheduler and the container's limit allow; a part of a core counts as one."""
    allowed = len(os.sched_getaffinity(0))
    return min(allowed, max(1, math.ceil(_limit(cgroups) or allowed)))


def _limit(cgroups: Path) -> float | None:
    """Return the limit in cores, None where there is none or it cannot be read."""
    try:
        if (cgroups / "cpu.max").exists():
            quota, period = (cgroups / "cpu.max").read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        quota = (cgroups / "cpu" / "cpu.cfs_quota_us").read_text()
        period = (cgroups / "cpu" / "cpu.cfs_period_us").read_text()
        return None if int(quota) < 0 else int(quota) / int(period)
    except (OSError, ValueError):
        return None
