"""Ask, before every call to the file system below a directory, what shall become of it.

Calls are seen where Python makes them: `os` functions that are replaced, and audit events.
What a file object or SQLite writes on its own is not seen, so durable code has to write with
`os.write`. An audit hook stays for ever: use this in a process of its own.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

Fate = int | None
"""What becomes of a call: None lets it be, a number is the error that it fails with."""

KILL, SHORT = -9, -1
"""Fates that are no errors: the process ends in the middle of the call; half of it is done."""

WRITES = frozenset(("write", "writev", "pwrite", "pwritev", "sendfile", "copy_file_range"))
SYNCS = frozenset(("fsync", "fdatasync"))
READS = frozenset(("read", "pread", "readv", "preadv", "open to read"))
NAMES = frozenset(
    "os.link os.rename os.remove os.mkdir os.rmdir os.symlink os.chmod os.chown os.truncate "
    "os.utime fcntl.ioctl".split()
)
CREATES = frozenset(("open to write", "os.link", "os.mkdir", "os.symlink"))
CHANGES = WRITES | NAMES | CREATES | {"posix_fallocate"}

_OF_DESCRIPTORS = (*WRITES, *SYNCS, "read", "pread", "readv", "preadv", "posix_fallocate")
_EVENTS = NAMES | CREATES | {"open"}
_WRITING = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_RDWR


class Shim:
    """Stands between this process and the files below a directory.

    Args:
        directory: Calls that concern anything else are let be.
        decide: Says what becomes of a call, given its name and the descriptor that it is
            about; None for a call that is about a path.
    """

    def __init__(self, directory: Path, decide: Callable[[str, int | None], Fate]) -> None:
        self._directory = os.fsencode(directory)
        self._decide = decide

    def install(self) -> None:
        """Begin; there is no end."""
        for name in _OF_DESCRIPTORS:
            if real := getattr(os, name, None):
                setattr(os, name, self._wrap(name, real))
        sys.addaudithook(self._audit)

    def _wrap(self, name: str, real: Callable[..., int]) -> Callable[..., int]:
        def wrapped(descriptor: int, *arguments: object) -> int:
            fate = self._decide(name, descriptor) if _is_of_a_disk(descriptor) else None
            if fate in (KILL, SHORT) and name in WRITES:
                arguments = tuple(_halved(name, arguments))
            if fate in (None, SHORT):
                return real(descriptor, *arguments)
            if fate == KILL and name in WRITES:
                real(descriptor, *arguments)
            return _end(fate)

        return wrapped

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in _EVENTS or not self._concerns(event, arguments):
            return
        name = event
        if event == "open":
            flags = arguments[2]
            writes = isinstance(flags, int) and flags & _WRITING
            name = "open to write" if writes else "open to read"
        fate = self._decide(name, None)
        if fate not in (None, SHORT):
            _end(fate)

    def _concerns(self, event: str, arguments: tuple[object, ...]) -> bool:
        # The second name of a link says where it is made; the first may be anything.
        target = arguments[1 if event in ("os.link", "os.rename", "os.symlink") else 0]
        if isinstance(target, int):  # what is open already is not opened once more
            return event != "open" and _is_of_a_disk(target)
        if not isinstance(target, str | bytes | os.PathLike):
            return False
        raw = os.fsencode(target)
        # What is relative is so to the handle of a directory, or to where the scenario works.
        return raw.startswith(self._directory) or not raw.startswith(b"/")


def _is_of_a_disk(descriptor: int) -> bool:
    """Tell whether a descriptor is of a file or a directory, and no pipe or terminal."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _halved(name: str, arguments: Sequence[object]) -> list[object]:
    """Return the arguments that make a call do half of its work, but not nothing."""
    if name in ("sendfile", "copy_file_range"):
        position = 2 if name == "sendfile" else 1
        count = arguments[position]
        assert isinstance(count, int)
        return [*arguments[:position], max(count // 2, 1), *arguments[position + 1 :]]
    data = arguments[0]
    if name in ("writev", "pwritev"):
        assert isinstance(data, Sequence)
        return [list(data[: max(len(data) // 2, 1)]), *arguments[1:]]
    view = memoryview(data)  # type: ignore[arg-type]  # whatever `os.write` takes
    return [view.cast("B")[: max(view.nbytes // 2, 1)], *arguments[1:]]


def _end(fate: Fate) -> NoReturn:
    if fate is None or fate == KILL:
        os._exit(-KILL)
    raise OSError(fate, os.strerror(fate))
