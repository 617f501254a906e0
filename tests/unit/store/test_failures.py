from __future__ import annotations

import errno
import os

import pytest

from mlv.errors import StorageError
from mlv.store.failures import storage_error, storage_errors

SPACE = "free some space and run the same command again"
OWNER = "check who owns the directory with `ls -ld`, or run as that user"


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (OSError(errno.ENOSPC, "x"), "cannot write it: the disk is full", SPACE),
        (OSError(errno.ENOSPC, "x", "/a"), "cannot write it: the disk is full (/a)", SPACE),
        (
            OSError(errno.EDQUOT, "x"),
            "cannot write it: the disk quota is used up",
            "free some of your quota and run the same command again",
        ),
        (
            OSError(errno.EROFS, "x"),
            "cannot write it: the file system is read-only",
            "mount the file system writable, or work in another copy of the repository",
        ),
        (OSError(errno.EACCES, "x"), "cannot write it: permission denied", OWNER),
        (OSError(errno.EPERM, "x"), "cannot write it: permission denied", OWNER),
        (
            OSError(errno.EIO, "x"),
            "cannot write it: the disk failed",
            "the disk may be failing: copy `.mlv` elsewhere, then check the disk",
        ),
        (
            OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
            "cannot write it: too many open files",
            None,
        ),
        (OSError("Something Else"), "cannot write it: something else", None),
    ],
)
def test_error_of_the_system_becomes_words_and_a_hint(
    error: OSError, message: str, hint: str | None
) -> None:
    found = storage_error(error, "write it")
    assert (found.message, found.hint) == (message, hint)


def test_block_raises_a_storage_error_and_keeps_the_cause() -> None:
    cause = OSError(errno.ENOSPC, "x")
    with pytest.raises(StorageError) as caught, storage_errors("write it"):
        raise cause
    assert caught.value.__cause__ is cause


def test_block_lets_other_errors_through() -> None:
    with pytest.raises(KeyError), storage_errors("write it"):
        raise KeyError
