"""How much of the machine the control groups around this process leave to it.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max" and "memory.max";
https://docs.kernel.org/admin-guide/cgroup-v1/index.html for version 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a control group allows.

    Attributes:
        cores: How many may be kept busy; None for all.
        memory_bytes: None for all. Version 1 says a huge number instead.
    """

    cores: float | None = None
    memory_bytes: int | None = None


def read_limits(root: Path = Path("/")) -> Limits:
    """Return the narrowest limits of all groups that this process is in.

    Args:
        root: Directory that has `proc` and `sys` in it.
    """
    cores: list[float] = []
    memory: list[int] = []
    for group in _groups(root):
        quota = _read(group / "cpu.max").split() or [
            _read(group / "cpu.cfs_quota_us"),
            _read(group / "cpu.cfs_period_us"),
        ]
        if len(quota) == len(("quota", "period")) and all(text.isdecimal() for text in quota):
            cores.append(round(int(quota[0]) / max(int(quota[1]), 1), 2))
        limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
        if limit.isdecimal():
            memory.append(int(limit))
    return Limits(cores=min(cores, default=None), memory_bytes=min(memory, default=None))


def _groups(root: Path) -> Iterator[Path]:
    """Yield the directories of the groups around this process, and of those around them."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        mounts = [controllers, *controllers.split(",")] if controllers else [""]
        if controllers and not {"cpu", "memory"} & set(mounts):
            continue
        group = PurePosixPath(name)
        for place in (group, *group.parents):
            inside = str(place).strip("/")
            yield from (root / "sys/fs/cgroup" / mount / inside for mount in dict.fromkeys(mounts))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
