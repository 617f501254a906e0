"""Where things lie in a worktree while they are made, and how what was left there is found.

Names under which something is unfinished match `TEMPORARY_PATTERN`. Whoever makes it holds a
lock on it, which the kernel releases when that process dies, however it dies and in whatever
container it ran. So what is not locked has no owner, and is removed by the next one who
writes into the same directory.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlv.worktree.handles import create_file, is_directory, open_directory, unlink

TEMPORARY_PATTERN = ".mlv-????????????.tmp"
"""Names of what is unfinished; what a killed process leaves."""

_NAME = re.compile(rb"\.mlv-[0-9a-f]{12}\.tmp")
_UNLOCKABLE_NS = 3_600_000_000_000
"""After an hour a symbolic link, which cannot be locked, is believed to have no owner."""


def temporary_name() -> bytes:
    """Return a name that nothing has."""
    return b".mlv-%s.tmp" % secrets.token_hex(6).encode()


@contextmanager
def staging_directory(directory: int) -> Iterator[tuple[bytes, int]]:
    """Make a directory to prepare things in, and remove it and what is left in it.

    It is inside `directory`, so that what is made in it gets the group and the access
    rules of that.

    Yields:
        Name and handle of the new directory.

    Raises:
        OSError: The disk is full, read-only or failing, so that it cannot be made. What
            cannot be removed is no error: `sweep_leftovers` does that another time.
    """
    name, handle = _make_locked(directory)
    try:
        yield name, handle
    finally:
        with suppress(OSError):
            os.close(handle)
        with suppress(OSError):
            remove_tree(name, directory)


@contextmanager
def new_file(directory: int) -> Iterator[tuple[bytes, int]]:
    """Create a file under a temporary name, which the block renames; removed if it does not.

    Yields:
        Name of the file, and the file open for writing, with mode 0600.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    name = temporary_name()
    descriptor = create_file(name, directory, 0o600)
    try:
        _lock(descriptor)
        yield name, descriptor
    except BaseException:
        with suppress(OSError):
            unlink(name, directory)
        with suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


def is_temporary(name: str) -> bool:
    """Tell whether a name is one that something unfinished has."""
    return _NAME.fullmatch(os.fsencode(name)) is not None


def sweep_leftovers(directory: int) -> None:
    """Remove what killed processes left in a directory; not what a living one is making.

    Raises:
        OSError: The directory cannot be read.
    """
    names = [name for name in os.listdir(directory) if name[:5] == ".mlv-"]
    for name in map(os.fsencode, filter(is_temporary, names)):
        # Another process may be sweeping, too, or something belongs to another user.
        with suppress(OSError):
            if _has_no_owner(name, directory):
                remove_tree(name, directory)


def sweep_directory(path: Path) -> None:
    """Do what `sweep_leftovers` does, if there is such a directory.

    Raises:
        OSError: The directory cannot be read.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            sweep_leftovers(descriptor)
        finally:
            os.close(descriptor)


def remove_tree(name: bytes, directory: int) -> None:
    """Remove a file, or a directory and all that is below it; links are not followed.

    Directories below it are moved up and emptied one by one, so that neither their depth
    nor the length of a path matters.

    Raises:
        OSError: The system refused; what is left has temporary names.
    """
    if not is_directory(name, directory):
        unlink(name, directory)
        return
    waiting = [name]
    while waiting:
        outer = waiting.pop()
        handle = open_directory(outer, directory)
        try:
            with os.scandir(handle) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for inner, is_dir in found:
                if is_dir:
                    waiting.append(temporary_name())
                    os.rename(inner, waiting[-1], src_dir_fd=handle, dst_dir_fd=directory)
                else:
                    os.unlink(inner, dir_fd=handle)
        finally:
            os.close(handle)
        os.rmdir(outer, dir_fd=directory)


def _make_locked(directory: int) -> tuple[bytes, int]:
    while True:
        name = temporary_name()
        os.mkdir(name, 0o700, dir_fd=directory)
        try:
            handle = open_directory(name, directory)
        except FileNotFoundError:  # swept before it was locked
            continue
        _lock(handle)
        if os.fstat(handle).st_nlink:
            return name, handle
        os.close(handle)


def _lock(descriptor: int) -> None:
    # Where nobody can lock, nobody takes a missing lock for a sign of death either.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _has_no_owner(name: bytes, directory: int) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError as error:
        if error.errno != errno.ELOOP:
            return False
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        return found.st_ctime_ns < time.time_ns() - _UNLOCKABLE_NS
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
