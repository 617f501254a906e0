"""Outputs of earlier runs that still lie in the worktree."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, parents_of
from mlv.core.run import Run
from mlv.core.tree import Fingerprint, TreeEntry
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashCached, find_fingerprint
from mlv.worktree.paths import is_inside, os_path


def find_earlier_outputs(
    workspace: Workspace, runs: Iterable[Run], new_files: Collection[RepoPath]
) -> dict[RepoPath, Fingerprint]:
    """Return those of `new_files` that are exactly what a run wrote there.

    They would look like new code. A file that was edited since is not among them.

    Args:
        workspace: Whose worktree.
        runs: Earlier runs.
        new_files: Files that Git neither tracks nor ignores.
    """
    if not new_files:
        return {}
    recorded = _Recorded(workspace, runs)
    likely = {path: found for path in new_files if (found := recorded.at(path))}
    if not likely:
        return {}
    with workspace.objects.transaction() as objects:
        sink = HashCached(objects)
        now = {path: find_fingerprint(os_path(workspace.root, path), sink) for path in likely}
    return {path: each for path, each in now.items() if each and _facts(each) in likely[path]}


class _Recorded:
    """Everything that runs wrote, by path; a directory is listed when something in it counts."""

    def __init__(self, workspace: Workspace, runs: Iterable[Run]) -> None:
        self._workspace = workspace
        self._written: dict[RepoPath, set[Fingerprint]] = {}
        self._listings: dict[tuple[RepoPath, Fingerprint], dict[RepoPath, TreeEntry]] = {}
        for run in runs:
            for output in run.outputs:
                if is_inside(output.path):
                    self._written.setdefault(output.path, set()).add(output.fingerprint)

    def at(self, path: RepoPath) -> set[tuple[str, str]]:
        """Return kind and digest of all that was ever written at a path."""
        found = {_facts(each) for each in self._written.get(path, ()) if each.kind != "dir"}
        for parent in parents_of(path):
            for directory in self._written.get(parent, ()):
                entry = self._list(parent, directory).get(path)
                found |= set() if entry is None else {_facts(entry)}
        return found

    def _list(self, path: RepoPath, directory: Fingerprint) -> dict[RepoPath, TreeEntry]:
        if directory.kind != "dir":
            return {}
        key = (path, directory)
        if key not in self._listings:
            try:
                self._listings[key] = list_files(self._workspace.objects, directory, path)
            except (CorruptDataError, MissingObjectError):
                self._listings[key] = {}  # what cannot be listed is taken for code
        return self._listings[key]


def _facts(each: Fingerprint | TreeEntry) -> tuple[str, str]:
    return each.kind, each.digest
