"""How busy the graphics processors are, as NVML tells.

A number that a device does not have, as one that is cut into MIG instances has no use, is
left out, and so is a device that failed.

Source: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia/version")
"""One of these is there where the driver is."""

_MILLI = 1e-3


class GpuMonitor:
    """Reads the devices that a command may use; all methods belong to one thread."""

    def __init__(self, nvml: ModuleType, visible: str | None) -> None:
        self._nvml = nvml
        handles = {}
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = self._ask(nvml.nvmlDeviceGetHandleByIndex, index)
            if handle is not None:
                handles[index] = handle
        self._devices = self._choose(handles, visible)

    def sample(self) -> dict[str, float]:
        """Return what is known now, by the name of its series."""
        values: dict[str, float] = {}
        for index, device in self._devices.items():
            for name, value in self._read(device).items():
                if value is not None:
                    values[f"system/gpu/{index}/{name}"] = value
        return values

    def close(self) -> None:
        """Let the driver go."""
        self._ask(self._nvml.nvmlShutdown)

    def _read(self, device: object) -> dict[str, float | None]:
        nvml = self._nvml
        use = self._ask(nvml.nvmlDeviceGetUtilizationRates, device)
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, device)
        power = self._ask(nvml.nvmlDeviceGetPowerUsage, device)
        sensor = nvml.NVML_TEMPERATURE_GPU
        return {
            "percent": None if use is None else use.gpu,
            "memory_bytes": None if memory is None else memory.used,
            "power_watts": None if power is None else power * _MILLI,
            "temperature_celsius": self._ask(nvml.nvmlDeviceGetTemperature, device, sensor),
        }

    def _choose(self, handles: Mapping[int, object], visible: str | None) -> dict[int, object]:
        """Return the devices that `CUDA_VISIBLE_DEVICES` names; all where it names none."""
        if visible is None:
            return dict(handles)
        chosen: dict[int, object] = {}
        for word in (each.strip() for each in visible.split(",")):
            found = [index for index in handles if self._is_named(index, handles[index], word)]
            if not found:  # CUDA stops at the first name that it does not know
                break
            chosen |= {index: handles[index] for index in found}
        return chosen

    def _is_named(self, index: int, handle: object, word: str) -> bool:
        if word.startswith("MIG-"):
            instance = self._ask(self._nvml.nvmlDeviceGetHandleByUUID, word)
            parent = instance and self._ask(
                self._nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle, instance
            )
            return parent is not None and self._uuid(parent) == self._uuid(handle)
        if word.startswith("GPU-"):
            return self._uuid(handle).startswith(word)
        return word == str(index)

    def _uuid(self, handle: object) -> str:
        uuid = self._ask(self._nvml.nvmlDeviceGetUUID, handle)
        return uuid.decode() if isinstance(uuid, bytes) else str(uuid)

    def _ask(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Return what the driver answers, None when it has no answer."""
        try:
            return function(*arguments)
        except self._nvml.NVMLError:
            return None


def find_gpus(environment: Mapping[str, str]) -> GpuMonitor | None:
    """Return a monitor of the devices that a command may use, None where there is no driver.

    Args:
        environment: Of the command.
    """
    if not any(os.path.exists(path) for path in _DRIVERS):  # noqa: PTH110 - asked in every run
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return GpuMonitor(pynvml, environment.get("CUDA_VISIBLE_DEVICES"))
    except pynvml.NVMLError:
        return None
