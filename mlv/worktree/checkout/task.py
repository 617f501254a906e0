"""Pieces of work that one process can do by itself, and what comes of them."""

from __future__ import annotations

import msgspec

from mlv.core.paths import RepoPath, escape_name
from mlv.core.run import Content
from mlv.core.tree import TreeEntry
from mlv.core.tree_limits import MAX_DEPTH
from mlv.errors import WorktreeError
from mlv.worktree.checkout.request import StatState

Names = tuple[bytes, ...]
"""The way from the root of the worktree to a directory, as raw names."""


class FillDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Write files into a new directory, which nobody else knows of yet.

    Attributes:
        place: Where it is.
        shown: The path that it will have.
        tree: What goes into it, as the store has it; None for `entries`.
        bucket: Where `tree` lies among the buckets of its directory; empty for all of it.
        entries: What goes into it.
    """

    place: Names
    shown: Names
    tree: Content | None = None
    bucket: bytes = b""
    entries: tuple[TreeEntry, ...] = ()


class EditFile(msgspec.Struct, frozen=True, kw_only=True):
    """Replace or remove one file or link, or put one where there is nothing.

    Attributes:
        name: Raw name in its directory.
        before: What is there.
        after: What shall be there.
        state: Of what is there, if it is known.
    """

    name: bytes
    before: TreeEntry | None
    after: TreeEntry | None
    state: StatState | None = None


class EditDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Change files in a directory that is there.

    Attributes:
        place: Where it is.
        edits: The changes.
    """

    place: Names
    edits: tuple[EditFile, ...]


class MakeLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Make symbolic links in a new directory, when everything else is done.

    Attributes:
        place: Where it is.
        shown: The path that it will have.
        entries: The links.
    """

    place: Names
    shown: Names
    entries: tuple[TreeEntry, ...]


Task = FillDirectory | EditDirectory | MakeLinks


class Done(msgspec.Struct, kw_only=True):
    """What came of a task.

    Attributes:
        n_written, n_removed, written_bytes, kept: As in `CheckedOut`.
        tasks: What is to do next.
        gone_down: The tree for whose directories some of the tasks are.
        links: What is to do when everything else is done.
    """

    n_written: int = 0
    n_removed: int = 0
    written_bytes: int = 0
    kept: list[RepoPath] = []
    tasks: list[FillDirectory] = []
    gone_down: Content | None = None
    links: list[MakeLinks] = []


def path_of(place: Names, name: bytes | None = None) -> RepoPath:
    """Return a place as people and records see it."""
    names = place if name is None else (*place, name)
    return RepoPath(escape_name(b"/".join(names)) if names else ".")


def check_depth(names: Names) -> None:
    """Refuse a path of too many names.

    Raises:
        WorktreeError: No system call would take it.
    """
    if len(names) > MAX_DEPTH:
        message = f"{len(names)} directories one in another are too deep to be written"
        raise WorktreeError(message)
