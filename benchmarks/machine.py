"""Facts about the machine and the software that a measurement was made with."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import msgspec

import mlv
from benchmarks.file_system import FileSystem, describe_file_system


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs in order to judge a figure."""

    system: str
    processor: str
    n_cores: int
    memory_bytes: int
    python: str
    git: str
    mlv: str
    file_system: FileSystem | None = None


def describe_machine(directory: Path) -> Machine:
    """Read the facts about this machine, and about the file system that a directory is on."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        n_cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        git=subprocess.check_output(["git", "--version"], text=True).split()[2],
        mlv=mlv.__version__,
        file_system=describe_file_system(directory),
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    names = (
        line.partition(":")[2].strip()
        for line in cpuinfo.read_text().splitlines()
        if line.startswith("model name")
    )
    return next(names, platform.machine())
