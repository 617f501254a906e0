"""Strike a process at its n-th call to the file system."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from tests.faults.shim import CHANGES, CREATES, KILL, READS, SHORT, SYNCS, WRITES, Fate, Shim

Where = Literal["main", "worker"]
"""Whether the process itself is struck, or one that it forks."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong.

    Attributes:
        calls: The calls that are counted, and that it can happen to.
        fate: What becomes of a call.
        lasts: Whether every later call fails as well.
        words: What the message about it says.
    """

    calls: frozenset[str]
    fate: Fate
    lasts: bool = False
    words: str = ""

    @property
    def may_clean(self) -> bool:
        """Whether temporary files can still be removed."""
        return self.fate != KILL and "os.remove" not in self.calls


_ALLOCATES = WRITES | SYNCS | CREATES
_ALL = CHANGES | SYNCS | READS

FAULTS: Mapping[str, Fault] = {
    "kill": Fault(calls=CHANGES | SYNCS, fate=KILL),
    "full": Fault(calls=_ALLOCATES, fate=errno.ENOSPC, lasts=True, words="the disk is full"),
    "quota": Fault(calls=_ALLOCATES, fate=errno.EDQUOT, words="the disk quota is used up"),
    "bad": Fault(calls=_ALL, fate=errno.EIO, words="the disk failed"),
    "dead": Fault(calls=_ALL, fate=errno.EIO, lasts=True, words="the disk failed"),
    "sync": Fault(calls=SYNCS, fate=errno.EIO, words="the disk failed"),
    "short": Fault(calls=WRITES, fate=SHORT, lasts=True),
}


class Saboteur:
    """Counts calls to the file system below a directory, and interferes with one of them.

    Args:
        fault: What is done to the call.
        stop_at: Which of the calls it is, counted from 1.
        directory: Calls that concern anything else do not count.
        where: In which processes; each counts for itself.
    """

    def __init__(
        self, fault: Fault, stop_at: int, directory: Path, *, where: Where = "main"
    ) -> None:
        self.fault = fault
        self._left = stop_at
        self._directory = directory
        self._where = where
        self._main = os.getpid()
        self._struck = mmap.mmap(-1, 1)  # shared with the processes that are forked

    @property
    def has_struck(self) -> bool:
        """Whether there was such a call, in whatever process."""
        return self._struck[0] != 0

    @property
    def may_clean(self) -> bool:
        """Whether all processes can still remove their temporary files.

        When one that helps has failed, the others are killed.
        """
        return not self.has_struck or (self._where == "main" and self.fault.may_clean)

    def strike(self) -> None:
        """Begin to count, in this process and in those that it forks."""
        self._main = os.getpid()
        Shim(self._directory, self._decide).install()

    def _decide(self, call: str, _descriptor: int | None) -> Fate:
        is_main = os.getpid() == self._main
        if call not in self.fault.calls or is_main != (self._where == "main"):
            return None
        self._left -= 1
        if self._left > 0 or (self.has_struck and not self.fault.lasts):
            return None
        self._struck[0] = 1
        return self.fault.fate
