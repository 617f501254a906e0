"""Find content of the worktree that exists nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from mlv.app.workspace import Workspace
from mlv.core.digest import Digest
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.git.objects import TreeFile
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashOnly, find_fingerprint
from mlv.worktree.paths import os_path


def find_unsaved(
    workspace: Workspace,
    paths: Iterable[RepoPath],
    present: Mapping[RepoPath, TreeFile],
    runs: Sequence[Run],
) -> frozenset[RepoPath]:
    """Return those of `paths` whose content is neither in HEAD nor in any run.

    Args:
        workspace: The worktree.
        paths: Files that something else is about to replace.
        present: The worktree as a Git tree; files that Git ignores are not in it.
        runs: All runs.
    """
    there = [path for path in paths if os.path.lexists(os_path(workspace.root, path))]
    if not there:
        return frozenset()
    in_git = _in_git(workspace, runs, [path for path in there if path in present])
    elsewhere = [
        path
        for path in there
        if path not in present or present[path].blob_id not in in_git.get(path, ())
    ]
    if not elsewhere:
        return frozenset()
    recorded = _recorded(workspace, runs)
    return frozenset(path for path in elsewhere if _digest(workspace, path) not in recorded)


def _in_git(
    workspace: Workspace, runs: Iterable[Run], paths: list[RepoPath]
) -> dict[RepoPath, set[str]]:
    commits = list(dict.fromkeys(run.code.snapshot for run in runs))
    head = workspace.git.head().commit
    known: dict[RepoPath, set[str]] = {}
    found = workspace.git.blob_at([*commits, *([head] if head else [])], paths)
    for (_, path), blob in found.items():
        known.setdefault(path, set()).add(blob)
    return known


def _recorded(workspace: Workspace, runs: Iterable[Run]) -> set[Digest]:
    fingerprints: set[Fingerprint] = set()
    for run in runs:
        fingerprints |= {each.fingerprint for each in run.outputs}
        fingerprints |= {each.fingerprint for each in run.inputs if each.fingerprint}
        fingerprints |= {each.fingerprint for each in run.code.left_out if each.fingerprint}
        fingerprints |= {source.file for source in run.params if source.file}
    return {digest for each in fingerprints for digest in _digests(workspace, each)}


def _digests(workspace: Workspace, recorded: Fingerprint) -> Iterator[Digest]:
    # What cannot be listed any more saves nothing.
    with suppress(MissingObjectError, CorruptDataError):
        for entry in list_files(workspace.objects, recorded, RepoPath("x")).values():
            yield entry.digest


def _digest(workspace: Workspace, path: RepoPath) -> Digest | None:
    found = find_fingerprint(os_path(workspace.root, path), HashOnly())
    return None if found is None else found.digest
