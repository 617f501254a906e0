"""A sign of life that another host can see: the modification time of one small file.

Clocks of hosts differ, so an age is never taken from our own clock: the file system that
both share says what time it is, by the modification time of a file that is made now.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

HEARTBEAT_INTERVAL_S = 30.0

LOST_AFTER_S = 180.0
"""A run that is recorded elsewhere and was silent for this long counts as lost. It is
several intervals, and the minute for which a network file system may show an old time."""

SEALED_AFTER_S = 600.0
"""A run that is recorded elsewhere and was silent for this long may be sealed from here."""

_FILE = "heartbeat"
_SERIES = "series"


def beat(live: Path) -> None:
    """Give a sign of life; a disk that cannot take it does not matter here."""
    with contextlib.suppress(OSError):
        (live / _FILE).touch()


@contextlib.contextmanager
def beating(live: Path) -> Iterator[None]:
    """Give signs of life, from a thread of its own, for the length of the block."""
    beat(live)
    stop = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(live, stop), name="mlv-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def find_last_beat_ns(live: Path) -> int | None:
    """Return when the run last gave a sign of life, by the clock of its file system.

    What the run writes is a sign of life too, so that one whose heartbeat fails, or that
    has none, is not taken for dead while it logs.

    Returns:
        Nanoseconds since 1970; None where nothing is left of the run.
    """
    found = [_newest_ns(directory) for directory in (live, live / _SERIES)]
    return max((each for each in found if each is not None), default=None)


def silence_s(live: Path) -> float:
    """Return for how long a run gave no sign of life; 0 where that cannot be told."""
    last_ns = find_last_beat_ns(live)
    return 0.0 if last_ns is None else max(0.0, (_now_ns(live.parent) - last_ns) / 1e9)


def age_s(path: Path) -> float:
    """Return how long ago a file or directory changed, by the clock of its file system.

    Raises:
        OSError: It is not there.
    """
    return (_now_ns(path.parent) - path.stat().st_mtime_ns) / 1e9


def _beat_until(live: Path, stop: threading.Event) -> None:
    # A signal is for the main thread to take.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while not stop.wait(HEARTBEAT_INTERVAL_S):
        beat(live)


def _newest_ns(directory: Path) -> int | None:
    times = []
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # gone since
                if entry.is_file(follow_symlinks=False):
                    times.append(entry.stat(follow_symlinks=False).st_mtime_ns)
    return max(times, default=None)


def _now_ns(directory: Path) -> int:
    """Return what time it is for the file system of `directory`."""
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=directory) as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:  # full, or read-only: our clock must do
        return time.time_ns()
