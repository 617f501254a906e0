"""A sign of life that another host can see: the modification time of one small file."""

from __future__ import annotations

import contextlib
from pathlib import Path

HEARTBEAT_INTERVAL_S = 30.0
"""A run that has not beaten for several of these is not going well."""

_FILE = "heartbeat"


def beat(live: Path) -> None:
    """Give a sign of life; a disk that cannot take it does not matter here."""
    with contextlib.suppress(OSError):
        (live / _FILE).touch()


def find_last_beat_ns(live: Path) -> int | None:
    """Return when the run last gave a sign of life, in nanoseconds since 1970."""
    try:
        return (live / _FILE).stat().st_mtime_ns
    except OSError:
        return None
