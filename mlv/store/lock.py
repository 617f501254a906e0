"""Locks between processes, released by the kernel when their owner dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlv.errors import LockedError
from mlv.store.failures import storage_errors


@contextmanager
def exclusive_lock(path: Path, *, purpose: str) -> Iterator[None]:
    """Hold `path` alone for the length of the block.

    Args:
        path: A file that is made when it is not there.
        purpose: What the lock is for, after "another mlv process is".

    Raises:
        LockedError: Another process holds it.
        StorageError: The file cannot be made, or the file system has no locks.
    """
    with storage_errors("lock the store"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with storage_errors("lock the store"):
            _lock(descriptor, purpose)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, purpose: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = f"another mlv process is {purpose}"
        raise LockedError(message, hint="wait until it has ended, then try again") from error
