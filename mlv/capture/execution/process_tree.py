"""A process with all that descend from it: who they are, and what they have used.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator

import msgspec

_PROC = "/proc"
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PSS_SHARE = 0.005
"""Which part of a core may go into reading proportional memory: that is a walk through all
pages, which takes the longer the more memory there is."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process at one moment.

    Attributes:
        pid, parent_pid: Its number, and that of its parent.
        started: When it started, in a unit of its own.
        cpu_s: Processor time, with that of the children that it waited for.
        rss_bytes: Resident memory, what is shared with others included.
    """

    pid: int
    parent_pid: int
    started: float
    cpu_s: float
    rss_bytes: int


class TreeUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a tree of processes uses at one moment, and has used until then.

    Attributes:
        n_processes: How many there are.
        cpu_s: Processor time.
        rss_bytes: Resident memory; what several of them share counts for each of them.
        pss_bytes: Resident memory in which shared pages count once; None where that was
            not looked up.
        disk_read_bytes, disk_write_bytes: What went from and to disks, not caches.
    """

    n_processes: int
    cpu_s: float
    rss_bytes: int
    pss_bytes: int | None
    disk_read_bytes: int
    disk_write_bytes: int


class ProcessTree:
    """A process and its descendants; one whose parent ended still belongs to it."""

    def __init__(self, pid: int) -> None:
        self._members = {pid: 0.0}
        self._root = pid
        self._next_pss_s = 0.0

    def measure(self) -> TreeUse | None:
        """Return what the tree uses now; None when nothing is left of it."""
        found = self._find_members()
        if not found:
            return None
        disk = [_read_disk_bytes(each.pid) for each in found]
        return TreeUse(
            n_processes=len(found),
            cpu_s=sum(each.cpu_s for each in found),
            rss_bytes=sum(each.rss_bytes for each in found),
            pss_bytes=self._measure_pss(found),
            disk_read_bytes=sum(read for read, _ in disk),
            disk_write_bytes=sum(written for _, written in disk),
        )

    def _find_members(self) -> list[Process]:
        processes = {each.pid: each for each in list_processes()}
        known = self._members
        alive = [
            each
            for pid, started in known.items()
            if (each := processes.get(pid)) and each.started == (started or each.started)
        ]
        children: dict[int, list[Process]] = {}
        for each in processes.values():
            children.setdefault(each.parent_pid, []).append(each)
        members: dict[int, Process] = {}
        while alive:
            each = alive.pop()
            if each.pid not in members:
                members[each.pid] = each
                alive += children.get(each.pid, ())
        self._members = {pid: each.started for pid, each in members.items()}
        return list(members.values())

    def _measure_pss(self, processes: Iterable[Process]) -> int | None:
        began_s = time.monotonic()
        if began_s < self._next_pss_s:
            return None
        used_s = time.thread_time()
        found = [_read_pss_bytes(each.pid) for each in processes]
        self._next_pss_s = began_s + (time.thread_time() - used_s) / _PSS_SHARE
        return None if None in found else sum(each or 0 for each in found)


def list_processes() -> Iterator[Process]:
    """Yield all processes that can be seen."""
    if not os.path.exists(f"{_PROC}/self/stat"):  # noqa: PTH110 - as everywhere here
        yield from _list_by_psutil()
        return
    for name in os.listdir(_PROC):  # noqa: PTH208 - thousands of names, every few seconds
        if name.isdecimal() and (process := _read_process(name)) is not None:
            yield process


def _read_process(pid: str) -> Process | None:
    data = _read(f"{_PROC}/{pid}/stat")
    # The name of the program, in parentheses, may hold anything, parentheses too.
    fields = data[data.rfind(b")") + 2 :].split()
    if len(fields) < 22:  # noqa: PLR2004 - gone since
        return None
    return Process(
        pid=int(pid),
        parent_pid=int(fields[1]),
        started=float(fields[19]),
        cpu_s=sum(map(int, fields[11:15])) * _TICK_S,
        rss_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def _read_disk_bytes(pid: int) -> tuple[int, int]:
    """Return how much a process read and wrote, with the children that it waited for."""
    numbers = _read_numbers(f"{_PROC}/{pid}/io")
    return numbers.get(b"read_bytes", 0), numbers.get(b"write_bytes", 0)


def _read_pss_bytes(pid: int) -> int | None:
    kib = _read_numbers(f"{_PROC}/{pid}/smaps_rollup").get(b"Pss")
    return None if kib is None else kib * 1024


def _read_numbers(path: str) -> dict[bytes, int]:
    """Return the numbers of a file of lines such as `Pss:  12 kB`."""
    numbers = {}
    for line in _read(path).splitlines():
        name, colon, rest = line.partition(b":")
        words = rest.split()
        if colon and words and words[0].isdigit():
            numbers[name] = int(words[0])
    return numbers


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # ended since, or not ours to see
        return b""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _list_by_psutil() -> Iterator[Process]:
    import psutil

    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            times = each.cpu_times()
            yield Process(
                pid=each.pid,
                parent_pid=each.ppid(),
                started=each.create_time(),
                cpu_s=times.user + times.system,
                rss_bytes=each.memory_info().rss,
            )
