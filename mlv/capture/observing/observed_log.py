"""The file that one watched process appends to, safe the moment a line is written.

This module runs inside the program that is being recorded; see `mlv.capture.observing.audit_hook`.

A line is copied into a mapped file. That takes no system call, and `kill -9` loses
nothing, because the pages belong to the system and not to the process. Space is
allocated before it is mapped: to touch a mapped page that the disk has no room for would
kill the program. What is not used of a file stays zero.
"""

# ruff: noqa: PTH108, PTH118
# `pathlib` costs more than all of this.

from __future__ import annotations

import mmap
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class _Target(Protocol):
        def write(self, line: bytes) -> int: ...


_FIRST_BYTES = 16 << 10
_MOST_BYTES = 1 << 20
_RETRY_NS = 1_000_000_000
"""After a failing disk the next try waits this long."""


class _Full:
    """Stands in for a file that has not been opened yet."""

    def write(self, line: bytes) -> int:
        raise ValueError(line)


class ObservedLog:
    """Appends lines of JSON; may be used from several threads and after a fork.

    Args:
        directory: Where the files go; a process has one or more, with random names.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._target: _Target = _Full()
        # Never closed: a program that closes every descriptor, as daemons do, may have
        # opened a file of its own under the number that closing a map would close.
        self._kept: list[_Target] = []
        self._size = _FIRST_BYTES
        self._retry_ns = 0
        self._n_lost = 0
        os.register_at_fork(after_in_child=self._start_anew)

    def write(self, fields: str, now_ns: int = 0) -> None:
        """Append a line.

        Args:
            fields: What it holds besides the time, as the inside of a JSON object.
            now_ns: The monotonic clock, if it was read just now.

        Raises:
            OSError: There is no space; lines are lost in silence for a second.
        """
        text = f'{{"t":{now_ns or time.monotonic_ns()},{fields}}}\n'
        self.append(text.encode("utf-8", "backslashreplace"))

    def append(self, line: bytes) -> None:
        """Append a whole line.

        Raises:
            OSError: As `write`.
        """
        try:
            # One call, so that no other thread comes between; it refuses what does not fit.
            self._target.write(line)
        except ValueError:
            self._write_to_another(line)

    def _write_to_another(self, line: bytes) -> None:
        now_ns = time.monotonic_ns()
        if now_ns < self._retry_ns:
            self._n_lost += 1
            return
        try:
            target = self._open(len(line))
        except OSError:
            self._n_lost += 1
            self._retry_ns = now_ns + _RETRY_NS
            raise
        target.write(line)
        self._target = target
        if self._n_lost:
            n_lost, self._n_lost = self._n_lost, 0
            self.write(f'"k":"lost","n":{n_lost}')

    def _open(self, needed: int) -> _Target:
        size = max(self._size, needed)
        path = os.path.join(self._directory, f"{os.getpid()}-{os.urandom(6).hex()}.jsonl")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            _allocate(fd, size)
            target = mmap.mmap(fd, size)
        except OSError:
            os.unlink(path)  # the program needs what little space there is
            raise
        finally:
            os.close(fd)
        self._kept.append(target)
        self._size = min(2 * self._size, _MOST_BYTES)
        return target

    def _start_anew(self) -> None:
        # Parent and child would overwrite each other's lines.
        self._target = _Full()
        self._size = _FIRST_BYTES
        self._n_lost = 0


def _allocate(fd: int, size: int) -> None:
    if os.write(fd, bytes(size)) != size:
        message = "no space for what is observed"
        raise OSError(message)
