from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mlv.capture.execution import gpu
from mlv.capture.execution.gpu import GpuMonitor, find_gpus


class FakeError(Exception):
    """What the driver raises."""


class FakeDriver(SimpleNamespace):
    """Three devices; the second is cut into instances, the third can get lost."""

    NVMLError = FakeError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[int] = set()
        self.closed = False

    def nvmlInit(self) -> None:  # noqa: N802
        self._check(-1)

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.closed = True

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return self._check(index)

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid != "MIG-b0":
            raise FakeError
        return uuid

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, _instance: str) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetUUID(self, index: int) -> bytes:  # noqa: N802
        return (b"GPU-aaaa", b"GPU-bbbb", b"GPU-cccc")[index]

    def nvmlDeviceGetUtilizationRates(self, index: int) -> Any:  # noqa: ANN401, N802
        if index == 1:
            raise FakeError
        return SimpleNamespace(gpu=10 * self._check(index), memory=0)

    def nvmlDeviceGetMemoryInfo(self, index: int) -> Any:  # noqa: ANN401, N802
        return SimpleNamespace(used=1000 + self._check(index))

    def nvmlDeviceGetPowerUsage(self, index: int) -> int:  # noqa: N802
        return 70_000 + self._check(index)

    def nvmlDeviceGetTemperature(self, index: int, _sensor: int) -> int:  # noqa: N802
        return 40 + self._check(index)

    def _check(self, index: int) -> int:
        if index in self.lost:
            raise FakeError
        return index


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


def _devices(driver: Any, visible: str | None) -> set[str]:  # noqa: ANN401
    return {name.split("/")[2] for name in GpuMonitor(driver, visible).sample()}


def test_device_has_four_series(driver: Any) -> None:  # noqa: ANN401
    assert GpuMonitor(driver, "2").sample() == {
        "system/gpu/2/percent": 20,
        "system/gpu/2/memory_bytes": 1002,
        "system/gpu/2/power_watts": pytest.approx(70.002),
        "system/gpu/2/temperature_celsius": 42,
    }


def test_device_in_instances_has_no_use(driver: Any) -> None:  # noqa: ANN401
    assert set(GpuMonitor(driver, "1").sample()) == {
        "system/gpu/1/memory_bytes",
        "system/gpu/1/power_watts",
        "system/gpu/1/temperature_celsius",
    }


@pytest.mark.parametrize(
    ("visible", "devices"),
    [
        (None, {"0", "1", "2"}),
        ("0,2", {"0", "2"}),
        (" 2 , 0 ", {"0", "2"}),
        ("GPU-bb", {"1"}),
        ("MIG-b0", {"1"}),
        ("MIG-gone", set()),
        ("", set()),
        ("-1", set()),
        ("2,-1,0", {"2"}),
    ],
)
def test_only_devices_that_the_command_sees_are_sampled(
    driver: FakeDriver, visible: str | None, devices: set[str]
) -> None:
    assert _devices(driver, visible) == devices


def test_device_that_vanishes_is_left_out(driver: Any) -> None:  # noqa: ANN401
    monitor = GpuMonitor(driver, "0,2")
    driver.lost.add(2)
    assert {name.split("/")[2] for name in monitor.sample()} == {"0"}


def test_device_that_is_not_there_from_the_start_is_left_out(driver: FakeDriver) -> None:
    driver.lost.add(0)
    assert _devices(driver, None) == {"1", "2"}


def test_monitor_lets_the_driver_go(driver: Any) -> None:  # noqa: ANN401
    GpuMonitor(driver, None).close()
    assert driver.closed


def test_driver_that_fails_is_as_none(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_DRIVERS", ("/",))
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert find_gpus({"CUDA_VISIBLE_DEVICES": "0"}) is not None
    driver.lost.add(-1)
    assert find_gpus({}) is None


def test_library_is_not_imported_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_DRIVERS", ())
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_gpus({}) is None
