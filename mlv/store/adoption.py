"""Make a file of the user a whole object, if possible without a second copy of its bytes.

The name that the user gave the file is left alone here. At every moment the bytes have
either that name or the one of the object, never just a temporary one.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlv.core.link_type import SharedLinkType
from mlv.core.run import Content
from mlv.errors import FileChangedError, UnreadableFileError
from mlv.store.layout import Layout
from mlv.store.reflink import clone_file
from mlv.store.stable_read import read_stable
from mlv.store.whole import OBJECT_MODE, WholeObjects, hash_descriptor

_N_TRIES = 3


def adopt(whole: WholeObjects, path: Path, link_type: SharedLinkType) -> Content:
    """Make the content of a file a whole object, and return its digest and size.

    With `reflink` the object shares the blocks of the file. With `hardlink` and `symlink`
    the file itself becomes the object when nobody has it open for writing, is read-only
    from then on, and keeps its name beside that of the object. Executable files, those of
    another user than the store's, and what cannot be shared for any other reason are
    copied, and stay as they are.

    Raises:
        FileChangedError: It changed each time while it was being read.
        UnreadableFileError: It is not a regular file.
        OSError: It cannot be read, or the disk is full or failing; nothing was published.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            message = f"{str(path)!r} is not a regular file"
            raise UnreadableFileError(message)
        if link_type == "reflink":
            content = _adopt_clone(whole, path, descriptor)
        else:
            content = _adopt_itself(whole, descriptor)
    finally:
        os.close(descriptor)
    return read_stable(path, whole.write) if content is None else content


@contextmanager
def unwritten(descriptor: int) -> Iterator[bool]:
    """Yield whether it is certain that nobody has a file open for writing.

    While the block lasts, whoever opens it for writing waits, up to the time in
    `/proc/sys/fs/lease-break-time`; `is_unwritten` tells afterwards whether that was enough.

    Source: Linux, fcntl(2), "Leases".
    """
    try:
        # The signal that says that somebody waits is one that does nothing.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def is_unwritten(descriptor: int) -> bool:
    """Tell whether the promise of `unwritten` has held until now."""
    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK


def _adopt_clone(whole: WholeObjects, path: Path, descriptor: int) -> Content | None:
    for _ in range(_N_TRIES):
        with whole.new_file() as (clone, temporary):
            before = _state(os.fstat(descriptor))
            if not clone_file(descriptor, clone):
                return None
            if _state(os.fstat(descriptor)) != before:
                continue
            content = hash_descriptor(clone)
            whole.publish(clone, temporary, content)
            return content
    message = f"{str(path)!r} changed while it was being read"
    raise FileChangedError(message, hint="wait until nobody writes to it any more")


def _adopt_itself(whole: WholeObjects, descriptor: int) -> Content | None:
    found = os.fstat(descriptor)
    if not _may_become_object(whole.layout, found):
        return None
    with unwritten(descriptor) as certain:
        if not certain:
            return None
        content = hash_descriptor(descriptor)
        if whole.contains(content):
            is_good = _is_same(whole, content, found) or whole.is_intact(content)
            if not (is_good and is_unwritten(descriptor)):
                return None
            whole.use(content)
            return content
        os.fchmod(descriptor, OBJECT_MODE)
        os.fdatasync(descriptor)
        if is_unwritten(descriptor) and whole.publish_descriptor(descriptor, content):
            return content
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
    return None


def _is_same(whole: WholeObjects, content: Content, found: os.stat_result) -> bool:
    """Tell whether a file is the object already, so that its bytes are known."""
    return os.path.samestat(found, whole.layout.object_file(content.digest).stat())


def _may_become_object(layout: Layout, found: os.stat_result) -> bool:
    store = layout.objects.stat()
    return (
        not found.st_mode & stat.S_IXUSR
        and (found.st_uid, found.st_dev) == (store.st_uid, store.st_dev)
        and found.st_size > 0
    )


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
