"""Locks between processes, released by the kernel when their owner dies.

Whoever adds objects to a store holds its lock shared until what refers to them is
written; whoever removes objects holds it alone. Readers hold nothing. A turnstile in
front keeps a stream of writers from shutting the remover out for ever.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlv.errors import LockedError
from mlv.store.failures import storage_errors
from mlv.store.layout import Layout
from mlv.store.owner import give_to_owner

_PATIENCE_S = 10.0
_PAUSE_S = 0.02
_WRITING = "other mlv processes are writing to the store"


@contextmanager
def exclusive_lock(path: Path, *, purpose: str, patience_s: float = 0.0) -> Iterator[None]:
    """Hold `path` alone for the length of the block.

    Args:
        path: A file that is made when it is not there.
        purpose: What the lock is for, after "another mlv process is".
        patience_s: How long to wait for it, in seconds.

    Raises:
        LockedError: Another process holds it.
        StorageError: The file cannot be made, or the file system has no locks.
    """
    with _opened(path) as descriptor:
        _wait(descriptor, time.monotonic() + patience_s, f"another mlv process is {purpose}")
        yield


@contextmanager
def shared_store_lock(layout: Layout) -> Iterator[None]:
    """Hold the store so that nothing in it is removed; wait for a removal that goes on.

    Raises:
        StorageError: The store is read-only, or the file system has no locks.
    """
    with _opened(layout.lock, layout) as descriptor:
        with _opened(layout.turnstile, layout) as turnstile, storage_errors("lock the store"):
            fcntl.flock(turnstile, fcntl.LOCK_SH)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive_store_lock(layout: Layout, *, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Hold the store alone, so that objects can be removed from it.

    Args:
        layout: The store.
        patience_s: How long to wait for writers that are at work, in seconds. No new
            ones begin meanwhile.

    Raises:
        LockedError: Others still write to the store.
        StorageError: The store is read-only, or the file system has no locks.
    """
    with _opened(layout.lock, layout) as descriptor:
        with _opened(layout.turnstile, layout) as turnstile:
            deadline = time.monotonic() + patience_s
            _wait(turnstile, deadline, _WRITING)
            _wait(descriptor, deadline, _WRITING)
        yield


def is_store_idle(layout: Layout) -> bool:
    """Tell whether nobody writes to the store at this moment."""
    with _opened(layout.lock, layout) as descriptor:
        return _try(descriptor)


def _wait(descriptor: int, deadline: float, message: str) -> None:
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            raise LockedError(message, hint="wait until that has ended, then try again")
        time.sleep(_PAUSE_S)


def _try(descriptor: int) -> bool:
    with storage_errors("lock the store"), suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def _opened(path: Path, layout: Layout | None = None) -> Iterator[int]:
    with storage_errors("lock the store"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError:  # another user's; to lock it, reading is enough
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if layout is not None:
            give_to_owner(layout, descriptor)
        yield descriptor
    finally:
        os.close(descriptor)
