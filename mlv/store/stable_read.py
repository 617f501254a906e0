"""Read a file as it was at one moment, although others may write to it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from mlv.core.digest import Digest
from mlv.core.run import Content
from mlv.errors import FileChangedError, UnreadableFileError

RACY_NS = 2_000_000_000
"""A file touched less than this before it was looked at may change again unseen.

Source: Git, Documentation/technical/racy-git.txt.
"""

STATE_BYTES = 44
"""Length of what `pack_state` returns."""

N_TRIES = 3
"""How often a file is read that changes meanwhile."""

_BLOCK = 1 << 20
_STATE = struct.Struct("<QQqqqI")
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_stable(path: Path, consume: Callable[[BinaryIO], Content]) -> Content:
    """Return what `consume` makes of a regular file that did not change meanwhile.

    Args:
        path: The file; a symbolic link is followed.
        consume: Reads the open file to its end; called again when the file changed.

    Raises:
        FileChangedError: It changed each time.
        UnreadableFileError: It is not a regular file.
        OSError: It cannot be read.
    """
    for _ in range(N_TRIES):
        with open(path, "rb", opener=_open) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                message = f"{str(path)!r} is not a regular file"
                raise UnreadableFileError(message)
            content = consume(file)
            after = os.fstat(file.fileno())
        if _state(before) == _state(after) and content.size_bytes == after.st_size:
            return content
    raise changed_while_read(os.fsencode(path))


def read_small(name: str, directory: int, size_bytes: int, state: bytes) -> bytes | None:
    """Return the bytes of a regular file if it is still in the state that it was in.

    With as few system calls as there can be; for files that fit into memory.

    Args:
        name: In the directory.
        directory: An open directory.
        size_bytes: What `lstat` said.
        state: What `pack_state` made of that.

    Returns:
        None when the file is not as it was, and has to be looked at again.

    Raises:
        OSError: It cannot be read.
    """
    try:
        descriptor = os.open(name, _OPEN_FLAGS, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None  # it has become a symbolic link
        raise
    try:
        # One byte more than there should be, so that a file that grew is noticed.
        data = os.read(descriptor, size_bytes + 1)
        while len(data) < size_bytes and (more := os.read(descriptor, size_bytes - len(data))):
            data += more  # some file systems give less at a time
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return data if len(data) == size_bytes and pack_state(after) == state else None


def hash_file(path: Path) -> Content:
    """Return digest and size of a regular file, as it was at one moment.

    Raises:
        FileChangedError, UnreadableFileError, OSError: As `read_stable`.
    """
    return read_stable(path, _hash)


def changed_while_read(path: bytes) -> FileChangedError:
    """Return the error for a file that changed each time."""
    message = f"{os.fsdecode(path)!r} changed while it was being read"
    return FileChangedError(message, hint="wait until nobody writes to it any more")


def file_state(found: os.stat_result) -> tuple[int, int, int, int, int, int]:
    """Return what tells a file from another, and from itself at another time.

    That is device, inode, size, mtime and ctime in nanoseconds, and mode.
    """
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_mode,
    )


def pack_state(found: os.stat_result) -> bytes:
    """Return `file_state` as bytes of one length."""
    return _STATE.pack(
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_mode,
    )


def _hash(file: BinaryIO) -> Content:
    hasher = blake3()
    size_bytes = 0
    while block := file.read(_BLOCK):
        hasher.update(block)
        size_bytes += len(block)
    return Content(digest=Digest(hasher.hexdigest()), size_bytes=size_bytes)


def _open(path: str, flags: int) -> int:
    # A pipe without a writer must not make this wait.
    return os.open(path, flags | os.O_NONBLOCK)


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def has_writer(descriptor: int) -> bool:
    """Tell whether somebody is known to have a file open for writing."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def is_being_written(path: Path | str) -> bool:
    """Tell whether somebody is known to have a file open for writing, or mapped into memory.

    What is written through a map changes no time once the page is dirty.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return has_writer(descriptor)
    finally:
        os.close(descriptor)


def read_up_to(source: BinaryIO, n_bytes: int) -> bytes:
    """Read so many bytes, however little the stream gives at a time; less only at its end."""
    data = source.read(n_bytes)
    while len(data) < n_bytes and (more := source.read(n_bytes - len(data))):
        data += more
    return data
