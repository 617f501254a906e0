"""Which file system a measurement was made on."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class FileSystem(msgspec.Struct, frozen=True, kw_only=True):
    """What matters of a file system.

    Attributes:
        kind: Such as `ext4`, or nothing when the system does not tell.
        has_journal: Asked of ext4 only.
    """

    kind: str
    has_journal: bool | None = None

    def __str__(self) -> str:
        if self.has_journal is None:
            return self.kind or "unknown"
        return f"{self.kind} {'with' if self.has_journal else 'without'} a journal"


def describe_file_system(directory: Path) -> FileSystem:
    """Find out which file system a directory is on."""
    mounts = Path("/proc/self/mountinfo")
    if not mounts.exists():
        return FileSystem(kind="")
    status = directory.stat()
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    for line in mounts.read_text().splitlines():
        words, _, rest = line.partition(" - ")
        if words.split()[2] == device:
            kind, source = rest.split()[:2]
            return FileSystem(
                kind=kind, has_journal=_has_journal(source) if kind == "ext4" else None
            )
    return FileSystem(kind="")


def _has_journal(source: str) -> bool | None:
    """Read the options in force: `data=` is among them exactly when there is a journal."""
    name = Path(source).resolve().name
    options = Path("/proc/fs/ext4", name, "options")
    if not options.exists():
        return None
    return any(line.startswith("data=") for line in options.read_text().splitlines())
