"""How much memory a process and all that it started hold together."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_INTERVAL_S = 0.05


class TreePeak:
    """The most that was seen so far."""

    def __init__(self) -> None:
        self.n_bytes = 0


@contextmanager
def watch_tree(pid: int) -> Iterator[TreePeak]:
    """Look again and again at what a process and its descendants hold, in a thread.

    Pages that processes share count once for each of them, so the sum is an upper bound; what
    lasts shorter than 50 ms may be missed. Only Linux tells; elsewhere the peak stays 0.
    """
    peak = TreePeak()
    if sys.platform != "linux":
        yield peak
        return
    is_over = threading.Event()
    thread = threading.Thread(target=_watch, args=(pid, peak, is_over))
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()


def _watch(pid: int, peak: TreePeak, is_over: threading.Event) -> None:
    while not is_over.wait(_INTERVAL_S):
        peak.n_bytes = max(peak.n_bytes, _resident_bytes(pid))


def _resident_bytes(pid: int) -> int:
    total = 0
    pending = [pid]
    while pending:
        process = Path("/proc", str(pending.pop()))
        try:
            total += int((process / "statm").read_text().split()[1])
            for children in process.glob("task/*/children"):
                pending += map(int, children.read_text().split())
        except (OSError, IndexError):  # it ended meanwhile
            continue
    return total * os.sysconf("SC_PAGE_SIZE")
