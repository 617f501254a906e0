"""Bring the machine to rest before a measurement, so that it pays for nothing done earlier."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

_MIN_AGE_S = 2.1
"""Stat caches, mlv's and Git's among them, do not trust a file that was written just before."""

_SPARE_BYTES = 1 << 29
_TOUCH = "import mmap, sys; mmap.mmap(-1, int(sys.argv[1]), flags={flags}).close()"


def settle(*, changed_at_s: float, needs_bytes: int) -> None:
    """Write everything to the disk, let the data become old enough, and touch free memory.

    A virtual machine may have handed its free memory back to the host; to get it again costs a
    second and more for a GiB, which would be charged to the first that needs it.

    Args:
        changed_at_s: When the data was changed last, as `time.monotonic` has it.
        needs_bytes: How much memory the measurement fills, page cache included.
    """
    os.sync()
    time.sleep(max(0.0, changed_at_s + _MIN_AGE_S - time.monotonic()))
    n_bytes = min(needs_bytes, _free_bytes() - _SPARE_BYTES)
    if n_bytes > 0 and sys.platform == "linux":
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
        program = _TOUCH.format(flags=flags)
        subprocess.run([sys.executable, "-c", program, str(n_bytes)], check=True)


def _free_bytes() -> int:
    """Return how much memory holds nothing, not even page cache."""
    information = Path("/proc/meminfo")
    if not information.exists():
        return 0
    for line in information.read_text().splitlines():
        if line.startswith("MemFree:"):
            return int(line.split()[1]) * 1024
    return 0
