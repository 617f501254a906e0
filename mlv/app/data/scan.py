"""Find what data in the worktree holds, and how that differs from what it should hold."""

from __future__ import annotations

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint, TreeChange
from mlv.worktree.fingerprint import Progress, Sink
from mlv.worktree.listing import diff_worktree
from mlv.worktree.paths import os_path


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """Data of the worktree beside what it is compared with.

    Attributes:
        path: The data, or a part of it.
        target: What it is compared with, None for nothing.
        present: What is there, None when nothing is.
        changes: The files that differ, by their paths in the repository; `before` is that
            of the target, `after` is in the worktree.
    """

    path: RepoPath
    target: Fingerprint | None
    present: Fingerprint | None
    changes: tuple[TreeChange, ...]

    @property
    def same(self) -> bool:
        """Whether the worktree holds exactly the target."""
        return same_content(self.target, self.present)


def scan_data(
    workspace: Workspace,
    path: RepoPath,
    target: Fingerprint | None,
    sink: Sink,
    progress: Progress | None = None,
) -> Scan:
    """Compare data of the worktree with a stored version of it.

    Args:
        workspace: Where.
        path: The data, or a part of it.
        target: The version.
        sink: Where the content goes that is read on the way.
        progress: Is told how far the reading has come.

    Raises:
        MissingObjectError, CorruptDataError: The version cannot be listed.
        UnreadableFileError, FileChangedError: The worktree cannot be read.
    """
    place = os_path(workspace.root, path)
    found = diff_worktree(place, target, workspace.objects, sink, progress=progress)
    return Scan(
        path=path,
        target=target,
        present=found.now,
        changes=tuple(
            msgspec.structs.replace(change, path=join_path(path, change.path))
            for change in found.changes
        ),
    )


def join_path(directory: RepoPath, inner: RepoPath) -> RepoPath:
    """Return the path of what lies at `inner` in a directory; `"."` is the directory itself."""
    return directory if inner == "." else RepoPath(f"{directory}/{inner}")


def same_content(one: Fingerprint | None, other: Fingerprint | None) -> bool:
    """Tell whether two fingerprints are of the same content and kind."""
    if one is None or other is None:
        return one is other
    return (one.kind, one.digest) == (other.kind, other.digest)
