"""Tell which files of submodules are as their commits have them."""

from __future__ import annotations

import os
from itertools import accumulate
from typing import TYPE_CHECKING

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.errors import GitError
from mlv.git.command import GitCommand
from mlv.git.index import list_tracked
from mlv.git.status import ask_status, parse_status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def list_tracked_in_submodules(root: Path, paths: Iterable[RepoPath]) -> dict[RepoPath, str]:
    """Return those of `paths` that a submodule's commit has as they are, with their blob ids.

    Git runs only for submodules that some of the paths are in.

    Args:
        root: Top directory of the worktree.
        paths: Relative to it.
    """
    if not (root / ".gitmodules").is_file():
        return {}
    found: dict[RepoPath, str] = {}
    for submodule, inner in _group(os.fsencode(root), paths).items():
        command = GitCommand(root / os.fsdecode(submodule))
        try:
            changes = parse_status(ask_status(command))
            tracked = list_tracked(command, inner)
        except GitError:  # the record says that it cannot be read
            continue
        changed = {RepoPath(escape_name(change.path)) for change in changes}
        found |= {
            RepoPath(f"{escape_name(submodule)}/{path}"): blob_id
            for path, blob_id in tracked.items()
            if path not in changed
        }
    return found


def _group(top: bytes, paths: Iterable[RepoPath]) -> dict[bytes, list[RepoPath]]:
    """Return which of `paths` are in which repository, relative to that."""
    is_repository: dict[bytes, bool] = {}
    groups: dict[bytes, list[RepoPath]] = {}
    for path in paths:
        raw_path = unescape_name(path)
        if raw_path.startswith((b"/", b"../")):
            continue
        parents = accumulate(raw_path.split(b"/")[:-1], lambda parent, name: parent + b"/" + name)
        for parent in reversed(tuple(parents)):
            if parent not in is_repository:
                is_repository[parent] = os.path.lexists(top + b"/" + parent + b"/.git")
            if is_repository[parent]:
                inner = RepoPath(escape_name(raw_path[len(parent) + 1 :]))
                groups.setdefault(parent, []).append(inner)
                break
    return groups
