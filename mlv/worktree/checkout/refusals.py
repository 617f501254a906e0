"""Say in words why the system refused to change files of a worktree."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mlv.errors import MlvError, WorktreeError
from mlv.store.failures import storage_error
from mlv.worktree.checkout.task import Names, path_of

_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "a name in it is too long for this file system",
    errno.EILSEQ: "a name in it is not allowed on this file system",
    errno.ENOENT: "it vanished meanwhile",
    errno.ENOTDIR: "it was replaced meanwhile",
    errno.ELOOP: "it was replaced meanwhile",
}


@contextmanager
def explained(place: Names) -> Iterator[None]:
    """Raise an error that names a directory in place of any `OSError` of the block.

    Raises:
        WorktreeError: The directory cannot be changed as it is.
        StorageError: The disk is full or failing.
    """
    try:
        yield
    except OSError as error:
        raise _explain(error, place) from error


def _explain(error: OSError, place: Names) -> MlvError:
    shown = path_of(place)
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        return storage_error(error, f"write files into {shown!r}")
    message = f"cannot write files into {shown!r}: {reason}"
    return WorktreeError(message, hint=f"look at it with `ls -ld {shown}`, then try again")
