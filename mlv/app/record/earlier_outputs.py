"""Outputs of earlier runs that still lie in the worktree."""

from __future__ import annotations

from collections.abc import Iterable

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.core.tree import Fingerprint
from mlv.worktree.fingerprint import HashCached, find_fingerprint
from mlv.worktree.paths import is_inside, os_path


def find_earlier_outputs(workspace: Workspace, runs: Iterable[Run]) -> dict[RepoPath, Fingerprint]:
    """Return the untracked files that are exactly what a run wrote there.

    They would look like new code. A file that was edited since is not among them,
    and neither is one that Git ignores, because that cannot be taken for code.
    """
    recorded: dict[RepoPath, set[Fingerprint]] = {}
    for run in runs:
        for output in run.outputs:
            if output.fingerprint.kind != "dir" and is_inside(output.path):
                recorded.setdefault(output.path, set()).add(output.fingerprint)
    there = [path for path in recorded if os_path(workspace.root, path).is_file()]
    if not there:
        return {}
    known_to_git = workspace.git.tracked(there).keys() | workspace.git.ignored(there)
    untracked = [path for path in there if path not in known_to_git]
    if not untracked:
        return {}
    with workspace.objects.transaction() as objects:
        sink = HashCached(objects)
        found = {path: find_fingerprint(os_path(workspace.root, path), sink) for path in untracked}
    return {path: each for path, each in found.items() if each and each in recorded[path]}
