"""What a check-out is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from mlv.core.link_type import LinkType
from mlv.core.paths import RepoPath
from mlv.core.tree import TreeChange

StatState = tuple[int, int, int, int, int, int]
"""Of a file, as `mlv.store.stable_read.file_state` returns it."""


class CheckOutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which paths of a worktree are to become what.

    Attributes:
        root: Root of the worktree.
        changes: From what is there to what shall be, as `diff_directories` yields them. A
            change that puts a directory where none is stands for everything in it, as the
            store has it.
        stays: Directories that are left when nothing is in them any more. All others that
            lose their last file go; so the directories of the tracked paths belong here.
        states: Of files that are there, when they were found to be what `changes` say, and
            if they were older than two seconds then. A file without one, or with another
            one by now, is read again before it is replaced.
        link_type: How files share their bytes with the store.
    """

    root: Path
    changes: tuple[TreeChange, ...]
    stays: tuple[RepoPath, ...] = ()
    states: Mapping[RepoPath, StatState] = {}
    link_type: LinkType = "copy"


class CheckedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a check-out did.

    Attributes:
        n_written: Files and links that were written, or made executable or not.
        n_removed: Files and links that were removed.
        written_bytes: Size of the files that were written.
        kept: What was left as it is, sorted: files that somebody changed meanwhile, or
            or that appeared where another one belongs.
    """

    n_written: int = 0
    n_removed: int = 0
    written_bytes: int = 0
    kept: tuple[RepoPath, ...] = ()


class Progress(Protocol):
    """Is told how far the work is."""

    def __call__(self, n_files: int, n_bytes: int) -> None:
        """Take how many more files, and bytes in them, are done."""
