"""GPU figures, read at each scrape: from NVML where this process can see the devices, else from Triton's own metrics.

On one machine NVML is the source. In a Pod the GPU belongs to Triton's container and the gateway's sees none; there
Triton reports them as `nv_gpu_*`, without index and name of the device. Without either there is no series at all: a 0
would say that an idle GPU is there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pynvml
from prometheus_client.parser import text_string_to_metric_families

from modelport.gateway.metrics import table
from modelport.gateway.metrics.table import Declared, Reading

log = logging.getLogger(__name__)

GPU = (table.GPU_UTILIZATION, table.GPU_MEMORY_USED, table.GPU_MEMORY_TOTAL, table.GPU_POWER)

OF_TRITON: Mapping[str, Declared] = {
    "nv_gpu_utilization": table.GPU_UTILIZATION,
    "nv_gpu_memory_used_bytes": table.GPU_MEMORY_USED,
    "nv_gpu_memory_total_bytes": table.GPU_MEMORY_TOTAL,
    "nv_gpu_power_usage": table.GPU_POWER,
}
"""Triton's gauges in the same units."""


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU as NVML knows it."""

    index: int
    uuid: str
    name: str
    handle: Any


class Nvml:
    """The devices that this process can see."""

    def __init__(self, devices: Sequence[Device]) -> None:
        """Made by `open`."""
        self._devices = devices

    @classmethod
    def open(cls) -> Nvml | None:
        """Find the devices; None where there is no NVML or no device."""
        try:
            pynvml.nvmlInit()
            devices = [_device(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            log.debug("no GPU figures from NVML: %s", error)
            return None
        return cls(devices) if devices else None

    def read(self) -> Reading:
        """All devices' figures; what a device does not tell (a MIG parent has no utilization) is left out."""
        reading: dict[Declared, list[tuple[Sequence[str], float]]] = {declared: [] for declared in GPU}
        for device in self._devices:
            labels = (str(device.index), device.uuid, device.name)
            for declared, read in FIGURES.items():
                with suppress(pynvml.NVMLError):
                    reading[declared].append((labels, read(device.handle)))
        return reading


FIGURES: Mapping[Declared, Callable[[Any], float]] = {
    table.GPU_UTILIZATION: lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
    table.GPU_MEMORY_USED: lambda handle: pynvml.nvmlDeviceGetMemoryInfo(handle).used,
    table.GPU_MEMORY_TOTAL: lambda handle: pynvml.nvmlDeviceGetMemoryInfo(handle).total,
    table.GPU_POWER: lambda handle: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
}
"""NVML speaks of percent and milliwatts."""


def gpu_reader(nvml: Nvml | None, triton: Callable[[], str]) -> Callable[[], Reading]:
    """Choose the source for the metrics of `GPU`; `triton` gives Triton's text as last fetched."""
    return nvml.read if nvml else lambda: read_triton(triton())


def read_triton(text: str) -> Reading:
    """The GPU figures in Triton's metrics."""
    gpu_lines = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("nv_gpu_"))
    return {
        OF_TRITON[family.name]: [
            (("", sample.labels.get("gpu_uuid", ""), ""), sample.value) for sample in family.samples
        ]
        for family in text_string_to_metric_families(gpu_lines)
        if family.name in OF_TRITON
    }


def _device(index: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Device(index, pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle), handle)
