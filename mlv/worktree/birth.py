"""Tell when a file was made, which Python's `stat` does not say on Linux."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

_AT_FDCWD = -100
_STATX_BTIME = 0x800
_SIZE = 256
_MASK = 0
_BTIME = 80
"""Where the fields of the answer begin, in bytes.

Source: Linux, include/uapi/linux/stat.h, `struct statx`.
"""


def read_birth_ns(path: bytes) -> int | None:
    """Return when what lies at a path was made, links followed.

    A file that was written again in place is as old as before; one that was replaced by
    another is new.

    Returns:
        Nanoseconds since 1970; None when nothing is there, or the file system does not know.
    """
    statx = _find_statx()
    answer = bytearray(_SIZE)
    if statx is None or not statx(path, answer):
        return None
    (mask,) = struct.unpack_from("=I", answer, _MASK)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, _BTIME)
    return seconds * 1_000_000_000 + nanoseconds if mask & _STATX_BTIME else None


@cache
def _find_statx() -> Callable[[bytes, bytearray], bool] | None:
    import ctypes

    try:
        statx = ctypes.CDLL(None).statx
    except (AttributeError, OSError):  # an old C library, or no Linux
        return None

    def call(path: bytes, answer: bytearray) -> bool:
        buffer = (ctypes.c_char * len(answer)).from_buffer(answer)
        return bool(statx(_AT_FDCWD, path, 0, _STATX_BTIME, buffer) == 0)

    return call
