"""Keep what a command prints: all of it while it is short, else head and tail.

While the command runs, the head lies in the log itself and the tail in segments beside it,
`stdout.log.<offset>`, of which the newest two stay. So disk and memory are bounded, nothing
is lost when the recorder is killed, and `finish_log` can put the log together at any time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import msgspec

LIMIT_BYTES = 8 * 1024 * 1024
"""How much is kept of the head, and how much of the tail."""


class KeptLog(msgspec.Struct, frozen=True, kw_only=True):
    """A finished log.

    Attributes:
        path: The file.
        size_bytes: Its size.
        omitted_bytes: How much it lacks; a line in it says what was left out of the middle.
    """

    path: Path
    size_bytes: int
    omitted_bytes: int = 0


class LogWriter:
    """Keeps a stream of bytes within a limit; a failing disk never raises here.

    Attributes:
        n_bytes: How many bytes were given.
        n_lost: How many of them the disk did not take.
    """

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.n_bytes = 0
        self.n_lost = 0
        self._path = path
        self._limit = limit_bytes
        self._fd = _open(path)
        self._room = limit_bytes
        self._segments: list[Path] = []

    def write(self, data: bytes) -> None:
        """Append `data`."""
        view = memoryview(data)
        while view:
            if not self._room:
                self._begin_segment()
            part = view[: self._room]
            try:
                written = os.write(self._fd, part)
            except OSError:
                self.n_lost += len(view)
                return
            self.n_bytes += written
            self._room -= written
            view = view[written:]

    def close(self) -> None:
        """Close the file; `finish_log` puts it together with its segments."""
        if self._fd != -1:
            self._close_file()

    def _begin_segment(self) -> None:
        self._close_file()
        segment = self._path.with_name(f"{self._path.name}.{self.n_bytes}")
        with contextlib.suppress(OSError):
            self._fd = _open(segment)
        self._room = self._limit
        self._segments.append(segment)
        if len(self._segments) > 2:  # noqa: PLR2004 - the newest, and one to complete the tail
            self._segments.pop(0).unlink(missing_ok=True)

    def _close_file(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._fd = -1


def finish_log(path: Path, limit_bytes: int = LIMIT_BYTES) -> KeptLog:
    """Put a log together from its head and segments; doing it again changes nothing.

    Raises:
        OSError: The disk is full, read-only or failing; nothing is lost.
    """
    prefix = f"{path.name}."
    offsets = sorted(
        int(found.name.removeprefix(prefix))
        for found in path.parent.glob(f"{prefix}*")
        if found.name.removeprefix(prefix).isdecimal()
    )
    segments = [path.with_name(f"{prefix}{offset}") for offset in offsets]
    omitted = 0
    if segments and path.stat().st_size <= limit_bytes:
        end = offsets[-1] + segments[-1].stat().st_size
        tail = max(end - limit_bytes, offsets[-2:][0])
        omitted = tail - path.stat().st_size
        whole = path.with_name(f"{path.name}-whole")
        with whole.open("wb") as target:
            _copy(path, 0, target)
            if omitted:
                target.write(b"\n[mlv: %d bytes left out here]\n" % omitted)
            for segment, offset in zip(segments[-2:], offsets[-2:], strict=True):
                _copy(segment, max(tail - offset, 0), target)
        whole.replace(path)
    for segment in segments:
        segment.unlink()
    return KeptLog(path=path, size_bytes=path.stat().st_size, omitted_bytes=omitted)


def _copy(path: Path, start: int, target: BinaryIO) -> None:
    with path.open("rb") as source:
        source.seek(start)
        shutil.copyfileobj(source, target)


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    return os.open(path, flags, 0o666)
