"""The format of the live journal, and the file that one process appends to.

Each writer, that is each process, appends to a file of its own, `series/<pid>-<random>.wal`
in the directory of the run, so writers need no lock between them. A file is a row of frames:

    u32 length of the payload, u32 CRC-32 of the payload, payload        (little-endian)

The first byte of a payload tells its kind:

    H  JSON: format and process; the first frame of a file
    L  u64, u64: how many points, and how many events, the disk has not taken; the second
       frame, the only one that is ever written again in place
    K  u32 id, then the name of a series as UTF-8; comes before the first point of that series
    P  points of 28 bytes: u32 id, i64 step, i64 time in ns, f64 or i64 value; the highest
       bit of the id is set where the value is an i64
    E  JSON: an event, such as params or a note

This module needs the standard library alone.
"""

# ruff: noqa: PTH103, PTH118
# `pathlib` costs too much in a training script.

from __future__ import annotations

import contextlib
import json
import os
import struct
import time
import zlib

FORMAT = "mlv-journal 1"
SERIES_DIRECTORY = "series"

FRAME = struct.Struct("<II")
KEY = struct.Struct("<I")
FLOAT_POINT = struct.Struct("<Iqqd")
INT_POINT = struct.Struct("<Iqqq")
INT_FLAG = 1 << 31
LOST = struct.Struct("<QQ")

_sync = getattr(os, "fdatasync", os.fsync)


class JournalFile:
    """One file of frames, opened for appending.

    Attributes:
        preamble: The frames that have to be written first.
    """

    def __init__(self, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, f"{os.getpid()}-{os.urandom(6).hex()}.wal")
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self._identity = self._identify()
        head = {"format": FORMAT, "pid": os.getpid(), "time_ns": time.time_ns()}
        first = frame(b"H" + json.dumps(head).encode())
        self._lost_at = len(first)
        self.preamble = first + _lost_frame(0, 0)

    def is_ours(self) -> bool:
        """Tell whether the descriptor is still that of the file."""
        # A program that closes every descriptor, as daemons do, may have opened a file
        # of its own under our number since.
        return self._identity == self._identify()

    def write(self, frames: bytearray) -> None:
        """Write as much as the disk takes, and remove it from `frames`."""
        while frames:
            del frames[: os.write(self._fd, frames)]

    def note_lost(self, n_points: int, n_events: int) -> None:
        """Write down what the disk has not taken; that needs no space on it."""
        place = self._lost_at, self._lost_at + len(_lost_frame(0, 0))
        with contextlib.suppress(OSError):
            # Not through our descriptor: that one can only append.
            fd = os.open(self._path, os.O_WRONLY)
            try:
                if os.fstat(fd).st_size >= place[1]:
                    os.pwrite(fd, _lost_frame(n_points, n_events), place[0])
            finally:
                os.close(fd)

    def sync(self) -> None:
        """Wait until the disk has everything that was written."""
        if self.is_ours():
            # A disk that fails now fails the next write too, and that one is reported.
            with contextlib.suppress(OSError):
                _sync(self._fd)

    def close(self) -> None:
        """Close the file, if the program has not done so."""
        if self.is_ours():
            os.close(self._fd)

    def _identify(self) -> tuple[int, int] | None:
        try:
            info = os.fstat(self._fd)
        except OSError:
            return None
        return info.st_dev, info.st_ino


def frame(payload: bytes) -> bytes:
    """Return a payload as a frame."""
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _lost_frame(n_points: int, n_events: int) -> bytes:
    return frame(b"L" + LOST.pack(n_points, n_events))


def key_payload(series: int, name: str) -> bytes:
    """Return the payload that gives the name of a series."""
    return b"K" + KEY.pack(series) + name.encode("utf-8", "backslashreplace")
