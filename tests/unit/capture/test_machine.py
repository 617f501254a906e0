from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from mlv.capture.surroundings import gpu_driver
from mlv.capture.surroundings.machine import read_machine
from mlv.core.canonical import decode_record, encode_record
from mlv.core.environment import Environment, Gpu

GPU = Gpu(name="NVIDIA X", memory_mib=81559, driver="550.1")


def test_machine_says_what_it_is() -> None:
    machine = read_machine()

    assert machine.architecture == os.uname().machine
    assert machine.n_cores == os.cpu_count()
    assert (machine.memory_bytes or 0) > 1 << 20
    assert machine.cpu


def test_machine_is_the_same_every_time(tmp_path: Path) -> None:
    assert read_machine(tmp_path) == read_machine(tmp_path)


def test_record_of_the_environment_reads_back() -> None:
    environment = Environment(machine=read_machine(), variables={"TZ": "UTC"})

    assert decode_record(encode_record(environment), Environment) == environment


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="there is no affinity here")
def test_cores_that_may_not_be_used_are_told_apart() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        machine = read_machine()
    finally:
        os.sched_setaffinity(0, allowed)

    assert machine.n_cores == os.cpu_count()
    assert machine.usable_cores == (1 if os.cpu_count() != 1 else None)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a driver that only its own tool can ask; counts how often it is asked."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/asked\necho 'NVIDIA X, 81559, 550.1'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(gpu_driver, "_ask_library", lambda: None)
    monkeypatch.setattr(gpu_driver, "_DEVICES", tmp_path / "dev")
    monkeypatch.setattr(gpu_driver, "_DRIVER", tmp_path / "version")
    return tool


def test_gpus_are_asked_for_once_a_boot(tmp_path: Path, tool: Path) -> None:
    found = [read_machine(tmp_path / "cache").gpus for _ in range(2)]

    assert found == [(GPU,)] * 2
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_gpus_are_asked_for_again_when_the_driver_is_another(tmp_path: Path, tool: Path) -> None:
    read_machine(tmp_path / "cache")
    (tmp_path / "version").write_text("NVRM version: 560.2\n")
    read_machine(tmp_path / "cache")

    assert (tmp_path / "asked").read_text() == "asked\n" * 2


def test_damaged_answer_is_not_used(tmp_path: Path, tool: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "gpus.json").write_text("{")

    assert read_machine(tmp_path / "cache").gpus == (GPU,)


def test_driver_that_fails_has_no_gpus(tmp_path: Path, tool: Path) -> None:
    tool.write_text("#!/bin/sh\nexit 9\n")

    assert read_machine(tmp_path / "cache").gpus == ()


class _NvmlError(Exception):
    pass


def _nvml(*, fails: bool = False) -> ModuleType:
    """A library like pynvml with two devices, of which an old version gives names as bytes."""

    def start() -> None:
        if fails:
            raise _NvmlError

    module = ModuleType("pynvml")
    members: dict[str, object] = {
        "NVMLError": _NvmlError,
        "nvmlInit": start,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "570.1",
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 12080,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: [b"NVIDIA A", "NVIDIA B"][handle],
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=(handle + 1) << 34),
    }
    vars(module).update(members)
    return module


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a driver, and without its own tool."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu_driver, "_DEVICES", tmp_path)
    monkeypatch.setattr(gpu_driver, "_DRIVER", tmp_path / "version")
    (tmp_path / "nvidia0").touch()


def test_library_tells_of_devices_driver_and_cuda(
    driver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", _nvml())

    machine = read_machine()

    assert machine.gpus == (
        Gpu(name="NVIDIA A", memory_mib=16384, driver="570.1"),
        Gpu(name="NVIDIA B", memory_mib=32768, driver="570.1"),
    )
    assert machine.cuda == "12.8"


def test_library_that_fails_has_no_gpus(driver: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", _nvml(fails=True))

    assert read_machine().gpus == ()


def test_machine_without_a_driver_is_not_asked(
    driver: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia0").unlink()
    monkeypatch.setitem(sys.modules, "pynvml", _nvml())

    assert read_machine().gpus == ()
