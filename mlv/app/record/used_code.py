"""The part of the code that the command was seen to use."""

from __future__ import annotations

from mlv.app.live_run import RunStart
from mlv.app.record.folding import fold
from mlv.app.record.seen import Seen
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.worktree.paths import os_path

_MANY_FILES = 1_001
"""So many files below one directory are data, although Git tracks them."""


def find_used(workspace: Workspace, start: RunStart, seen: Seen) -> dict[RepoPath, str]:
    """Return the files of the snapshot that were imported or opened, with their Git blob ids.

    Very many opened files below one directory are left out: the snapshot has them anyway.

    Raises:
        GitError: Git refuses.
    """

    def is_link(path: RepoPath) -> bool:
        return os_path(workspace.root, path).is_symlink()

    opened = [path for path in seen.code if path not in seen.imported]
    few = fold(opened, is_link=is_link, many=_MANY_FILES).files
    few = few if len(few) < _MANY_FILES else ()  # all of them lie at the root
    used = sorted({*seen.imported, *few})
    snapshot = start.code.snapshot
    if not used or not snapshot:
        return {}
    found = workspace.git.blob_at([snapshot], used)
    return {path: found[snapshot, path] for path in used if (snapshot, path) in found}
