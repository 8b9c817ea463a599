"""The cores that a process counts on, by its scheduler and its cgroup."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelport.gateway.cores import usable_cores

CGROUPS = {
    "no cgroup": ({}, 8),
    "version 2 without a limit": ({"cpu.max": "max 100000\n"}, 8),
    "version 2, two cores": ({"cpu.max": "200000 100000\n"}, 2),
    "version 2, half a core": ({"cpu.max": "50000 100000\n"}, 1),
    "version 2, more than there are": ({"cpu.max": "6400000 100000\n"}, 8),
    "version 1 without a limit": ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
    "version 1, one and a half": ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
    "unreadable": ({"cpu.max": "?\n"}, 8),
}


@pytest.mark.parametrize(("files", "expected"), CGROUPS.values(), ids=CGROUPS)
def test_cores_are_those_of_the_scheduler_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_cores(tmp_path) == expected
