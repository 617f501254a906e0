"""Find out which names a file system takes for the same."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from mlv.worktree.handles import create_file, find_stat

_COMPOSED, _DECOMPOSED = "\u00e9".encode(), "e\u0301".encode()


class Folding(msgspec.Struct, frozen=True, kw_only=True):
    """What a file system does not tell apart.

    Attributes:
        fold_case: Upper and lower case.
        normalize: Composed and decomposed characters.
    """

    fold_case: bool = False
    normalize: bool = False

    @property
    def is_any(self) -> bool:
        """Whether there are names that are the same file, and yet not equal."""
        return self.fold_case or self.normalize


def probe_folding(directory: int) -> Folding:
    """Return what the file system of an empty directory does not tell apart.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    return Folding(
        fold_case=_are_same(b"case", b"CASE", directory),
        normalize=_are_same(_COMPOSED, _DECOMPOSED, directory),
    )


def _are_same(name: bytes, other: bytes, directory: int) -> bool:
    try:
        os.close(create_file(name, directory, 0o600))
    except OSError as error:
        if isinstance(error, (PermissionError, FileExistsError)):
            raise
        return False  # a file system that does not take every name, so neither this one
    try:
        return find_stat(other, directory) is not None
    finally:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory)
