"""Turn errors of the operating system into errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mlv.errors import StorageError

_HINTS = {
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some of your quota and run the same command again",
    errno.EROFS: "mount the file system writable, or work in another copy of the repository",
    errno.EACCES: "check who owns the directory with `ls -ld`, or run as that user",
    errno.EPERM: "check who owns the directory with `ls -ld`, or run as that user",
    errno.EIO: "the disk may be failing: copy `.mlv` elsewhere, then check the disk",
}
_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EIO: "the disk failed",
}


def storage_error(error: OSError, action: str) -> StorageError:
    """Return the `StorageError` for a failed system call.

    Args:
        error: What the operating system said.
        action: What was being done, after "cannot", such as `write the run record`.
    """
    code = error.errno or 0
    reason = _WORDS.get(code) or (error.strerror or str(error)).lower()
    where = f" ({error.filename})" if error.filename else ""
    return StorageError(f"cannot {action}: {reason}{where}", hint=_HINTS.get(code))


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Raise `StorageError` in place of any `OSError` of the block.

    Args:
        action: What the block does, as in `storage_error`.

    Raises:
        StorageError: The operating system refused.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(error, action) from error
