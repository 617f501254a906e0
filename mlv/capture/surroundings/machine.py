"""The machine that a command runs on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from mlv.capture.surroundings.control_group import read_limits
from mlv.capture.surroundings.gpu_driver import read_gpus
from mlv.core.environment import Machine

_CPU_NAMES = ("model name", "Model", "cpu model", "cpu")
_CPU_CODES = ("CPU implementer", "CPU part")
"""What 64-bit ARM says instead of a name."""

_CPU_HEAD = 4096
"""The first core is described in less; all of them take a while on a large machine."""

_TIMEOUT_S = 10


def read_machine(cache_dir: Path | None = None) -> Machine:
    """Return what this machine is.

    Args:
        cache_dir: Where the answer of the graphics driver is kept until the next boot;
            None for nowhere.
    """
    system = os.uname()
    n_cores = os.cpu_count()
    memory_bytes = _read_memory_bytes()
    limits = read_limits()
    usable_cores = min(_count_allowed_cores() or n_cores or 0, limits.cores or n_cores or 0)
    graphics = read_gpus(cache_dir)
    return Machine(
        os=_read_os_name(),
        kernel=f"{system.sysname} {system.release}",
        architecture=system.machine,
        libc=_read_libc(),
        cpu=_read_cpu_model(),
        n_cores=n_cores,
        usable_cores=usable_cores if n_cores and 0 < usable_cores < n_cores else None,
        memory_bytes=memory_bytes,
        usable_memory_bytes=_less(limits.memory_bytes, memory_bytes),
        gpus=graphics.gpus,
        cuda=graphics.cuda,
    )


def _less(limit: int | None, whole: int | None) -> int | None:
    return limit if limit is not None and whole is not None and limit < whole else None


def _count_allowed_cores() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # there is no such thing on macOS
        return None


def _read_os_name() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    for line in _read_text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return os.uname().sysname


def _read_libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):  # not the GNU C library
        musl = sorted(path.stem for path in Path("/lib").glob("ld-musl-*"))
        return "musl" if musl else None


def _read_cpu_model() -> str | None:
    if sys.platform == "darwin":
        return _run("sysctl", "-n", "machdep.cpu.brand_string") or None
    pairs = (line.partition(":") for line in _read_text("/proc/cpuinfo").splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    named = next((fields[name] for name in _CPU_NAMES if fields.get(name)), None)
    codes = ", ".join(f"{name} {fields[name]}" for name in _CPU_CODES if fields.get(name))
    return named or codes or None


def _read_memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()


def _read_text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123 - only its head
            return file.read(_CPU_HEAD)
    except OSError:
        return ""
