"""The graphics processors of this machine, as their driver tells of them.

Asking takes a second on a large machine, so the answer is kept until the next boot, or
until there are other devices or another driver.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import msgspec

from mlv.capture.execution.liveness import read_boot_id
from mlv.core.environment import Gpu

_DEVICES = Path("/dev")
_DRIVER = Path("/proc/driver/nvidia/version")
_TOOL = "nvidia-smi"
_FIELDS = ("name", "memory.total", "driver_version")
_TIMEOUT_S = 10


class Graphics(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver said.

    Attributes:
        gpus: In the order of their indices.
        cuda: The newest version of CUDA that the driver can run.
    """

    gpus: tuple[Gpu, ...] = ()
    cuda: str | None = None


class _Cached(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and under what circumstances it holds."""

    circumstances: str
    graphics: Graphics


def read_gpus(cache_dir: Path | None = None) -> Graphics:
    """Return the graphics processors, none where there is no driver.

    Args:
        cache_dir: Where the answer is kept; None for nowhere.
    """
    circumstances = _describe_circumstances()
    if circumstances is None:
        return Graphics()
    cache = None if cache_dir is None else cache_dir / "gpus.json"
    if cache is not None:
        try:
            cached = msgspec.json.decode(cache.read_bytes(), type=_Cached)
        except (OSError, msgspec.MsgspecError):
            cached = None
        if cached is not None and cached.circumstances == circumstances:
            return cached.graphics
    graphics = _ask_library() or _ask_tool()
    if cache is not None and graphics.gpus:
        answer = _Cached(circumstances=circumstances, graphics=graphics)
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            cache.write_bytes(msgspec.json.encode(answer))
        except OSError:  # asking again next time is only slow
            return graphics
    return graphics


def _describe_circumstances() -> str | None:
    """Return a text that changes with devices and driver, None when there is no driver."""
    devices = sorted(path.name for path in _DEVICES.glob("nvidia[0-9]*"))
    try:
        driver = _DRIVER.read_text(errors="replace")
    except OSError:
        driver = ""
    tool = shutil.which(_TOOL) or ""
    if not (devices or driver or tool):
        return None
    return "\n".join((read_boot_id(), *devices, driver, tool))


def _ask_library() -> Graphics | None:
    """Ask NVML, None when there is no such library."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        try:
            return _read_library(pynvml)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None


def _read_library(pynvml: ModuleType) -> Graphics:
    driver = _text(pynvml.nvmlSystemGetDriverVersion())
    cuda = int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
    handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
    return Graphics(
        gpus=tuple(
            Gpu(
                name=_text(pynvml.nvmlDeviceGetName(handle)),
                memory_mib=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total) >> 20,
                driver=driver,
            )
            for handle in handles
        ),
        cuda=f"{cuda // 1000}.{cuda % 1000 // 10}",
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def _ask_tool() -> Graphics:
    argv = [_TOOL, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return Graphics()
    text = done.stdout.decode(errors="replace")
    rows = csv.DictReader(text.splitlines(), _FIELDS, skipinitialspace=True)
    return Graphics(
        gpus=tuple(
            Gpu(name=row["name"], memory_mib=int(row["memory.total"]), driver=row["driver_version"])
            for row in rows
            if (row["memory.total"] or "").isdecimal()
        )
    )
