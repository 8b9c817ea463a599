from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from modelport.gateway.metrics import gpu, table
from modelport.gateway.metrics.gpu import Nvml, gpu_reader
from modelport.gateway.metrics.system import ProcessTree, usage_reader
from modelport.gateway.metrics.table import Reading

V2 = {
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n",
    "cpu.max": "150000 100000\n",
    "memory.current": "1000\n",
    "memory.stat": "anon 600\nfile 400\ninactive_file 300\n",
    "memory.max": "4096\n",
}
V1 = {
    "cpuacct/cpuacct.usage": "2500000000\n",
    "cpu/cpu.cfs_quota_us": "150000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "memory/memory.usage_in_bytes": "1000\n",
    "memory/memory.stat": "cache 400\ntotal_inactive_file 300\n",
    "memory/memory.limit_in_bytes": "4096\n",
}
LIMITED = {table.CPU_SECONDS: 2.5, table.CPU_LIMIT: 1.5, table.MEMORY: 700, table.MEMORY_LIMIT: 4096}
UNLIMITED = {table.CPU_SECONDS: 2.5, table.MEMORY: 700}


def flat(reading: Reading) -> dict[Any, float]:
    return {declared: number for declared, series in reading.items() for _, number in series}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "figures"),
    [
        pytest.param(V2, LIMITED, id="v2 with limits"),
        pytest.param(V2 | {"cpu.max": "max 100000\n", "memory.max": "max\n"}, UNLIMITED, id="v2 without"),
        pytest.param(V1, LIMITED, id="v1 with limits"),
        pytest.param(
            V1 | {"cpu/cpu.cfs_quota_us": "-1\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"},
            UNLIMITED,
            id="v1 without",
        ),
    ],
)
def test_a_containers_figures(tmp_path: Path, files: dict[str, str], figures: dict[Any, float]) -> None:
    assert flat(usage_reader(0, write(tmp_path, files))()) == figures


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no cgroups"),
        pytest.param({"cpu.stat": V2["cpu.stat"]}, id="the root cgroup of v2"),
        pytest.param(V1 | {"memory/release_agent": ""}, id="the root cgroup of v1"),
        pytest.param(V2 | {"memory.stat": "anon 5\n"}, id="a cgroup that lacks a figure"),
    ],
)
def test_outside_of_a_container_the_processes_are_counted(tmp_path: Path, files: dict[str, str]) -> None:
    figures = flat(usage_reader(os.getpid(), write(tmp_path, files))())
    assert figures.keys() == {table.CPU_SECONDS, table.MEMORY}
    assert figures[table.MEMORY] > 1 << 20


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that says so when it has used some CPU and memory, and then waits to be ended."""
    code = "sum(range(10**6)); kept = bytearray(32 << 20); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_descendants_count_and_what_they_used_stays(child: subprocess.Popen[bytes]) -> None:
    tree = ProcessTree(os.getpid())
    alone = flat(ProcessTree(child.pid).read())
    with_child = flat(tree.read())
    assert alone[table.MEMORY] > 32 << 20
    assert with_child[table.MEMORY] > alone[table.MEMORY]
    child.kill()
    child.wait()
    without = flat(tree.read())
    assert without[table.CPU_SECONDS] >= with_child[table.CPU_SECONDS]
    assert without[table.MEMORY] < with_child[table.MEMORY]


def test_a_tree_whose_root_is_gone_has_no_figures(child: subprocess.Popen[bytes]) -> None:
    tree = ProcessTree(child.pid)
    child.kill()
    child.wait()
    assert tree.read() == {}


def fake_nvml(monkeypatch: pytest.MonkeyPatch, **functions: Any) -> None:
    """NVML with two devices, the second one without utilization, as a MIG parent is."""

    def utilization(handle: int) -> SimpleNamespace:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=37)

    fakes = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}",
        "nvmlDeviceGetName": lambda handle: "NVIDIA H200",
        "nvmlDeviceGetUtilizationRates": utilization,
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=100 + handle, total=1000),
        "nvmlDeviceGetPowerUsage": lambda handle: 70500,
    }
    for name, function in (fakes | functions).items():
        monkeypatch.setattr(gpu.pynvml, name, function)


def test_nvml_tells_each_device_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvml(monkeypatch)
    nvml = Nvml.open()
    assert nvml is not None
    first, second = ("0", "GPU-0", "NVIDIA H200"), ("1", "GPU-1", "NVIDIA H200")
    assert nvml.read() == {
        table.GPU_UTILIZATION: [(first, 0.37)],
        table.GPU_MEMORY_USED: [(first, 100), (second, 101)],
        table.GPU_MEMORY_TOTAL: [(first, 1000), (second, 1000)],
        table.GPU_POWER: [(first, 70.5), (second, 70.5)],
    }


def no_library() -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)


@pytest.mark.parametrize(
    "functions",
    [
        pytest.param({"nvmlInit": no_library}, id="no NVML"),
        pytest.param({"nvmlDeviceGetCount": lambda: 0}, id="no device"),
    ],
)
def test_without_a_gpu_there_is_no_figure(monkeypatch: pytest.MonkeyPatch, functions: dict[str, Any]) -> None:
    fake_nvml(monkeypatch, **functions)
    assert Nvml.open() is None
    assert flat(gpu_reader(None, lambda: 'nv_cpu_utilization 0\nnv_inference_count{model="half"} 3\n')()) == {}


def test_a_gpu_that_triton_alone_can_see_is_told_by_triton() -> None:
    text = """\
# TYPE nv_gpu_utilization gauge
nv_gpu_utilization{gpu_uuid="GPU-7"} 0.25
# TYPE nv_gpu_memory_total_bytes gauge
nv_gpu_memory_total_bytes{gpu_uuid="GPU-7"} 1000
# TYPE nv_gpu_memory_used_bytes gauge
nv_gpu_memory_used_bytes{gpu_uuid="GPU-7"} 300
# TYPE nv_gpu_power_usage gauge
nv_gpu_power_usage{gpu_uuid="GPU-7"} 55.5
# TYPE nv_gpu_power_limit gauge
nv_gpu_power_limit{gpu_uuid="GPU-7"} 700
"""
    labels = ("", "GPU-7", "")
    assert gpu_reader(None, lambda: text)() == {
        table.GPU_UTILIZATION: [(labels, 0.25)],
        table.GPU_MEMORY_TOTAL: [(labels, 1000)],
        table.GPU_MEMORY_USED: [(labels, 300)],
        table.GPU_POWER: [(labels, 55.5)],
    }
