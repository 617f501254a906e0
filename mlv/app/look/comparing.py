"""Compare two runs, or a run with the worktree as it is now."""

from __future__ import annotations

import msgspec

from mlv.app.code.restoring import ensure_snapshot
from mlv.app.look.aligning import align
from mlv.app.look.present import describe_worktree
from mlv.app.look.showing import read_environment
from mlv.app.runs import find_run, read_runs
from mlv.app.workspace import Workspace
from mlv.core.environment import Environment
from mlv.core.environment_diff import EnvironmentDiff, diff_determinism, find_edited_packages
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.core.run_diff import (
    CodeChange,
    CodeStatus,
    FileDiff,
    RunDiff,
    diff_environment_records,
    diff_runs,
)
from mlv.core.tree import Fingerprint, TreeEntry, diff_listings
from mlv.errors import CorruptDataError, GitError, MissingObjectError
from mlv.store.trees import list_files

_STATUS: dict[str, CodeStatus] = {"A": "added", "D": "removed", "R": "renamed"}


def compare_runs(
    workspace: Workspace, old_reference: str, new_reference: str | None, *, patch: bool
) -> RunDiff:
    """Return how a run differs from another, or from the worktree as it is now.

    Args:
        workspace: Where.
        old_reference: The one run.
        new_reference: The other run; None for the worktree.
        patch: Whether the text of code changes is wanted.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of a reference.
        CorruptDataError: A record or a tree is damaged.
    """
    known = read_runs(workspace)
    old = find_run(workspace, old_reference, among=known)
    if new_reference is None:
        with describe_worktree(workspace, old, known.runs) as now:
            return _complete(workspace, old, now, patch=patch)
    new = find_run(workspace, new_reference, among=known)
    return _complete(workspace, old, new, patch=patch)


def _complete(workspace: Workspace, old: Run, new: Run, *, patch: bool) -> RunDiff:
    diff = diff_runs(*align(workspace, old, new))
    unknown: list[str] = []
    code: tuple[CodeChange, ...] = ()
    text = None
    if old.code.tree != new.code.tree:
        try:
            for run in (old, new):
                ensure_snapshot(workspace, run.code)
            code = _diff_code(workspace, old, new)
            text = workspace.git.patch(old.code.snapshot, new.code.snapshot) if patch else None
        except (GitError, MissingObjectError, CorruptDataError) as error:
            unknown.append(f"code: {error.message}")
    environments = [read_environment(workspace, run.environment) for run in (old, new)]
    environment = diff_environment_records(*environments)
    if old.id != new.id:
        unknown += _find_edited(*environments)
    return msgspec.structs.replace(
        diff,
        code=code,
        files=tuple(_look_inside(workspace, each) for each in diff.files),
        environment=EnvironmentDiff(
            changes=(*environment.changes, *diff_determinism(old.determinism, new.determinism))
        ),
        patch=text,
        unknown=tuple(unknown),
    )


def _find_edited(old: Environment | None, new: Environment | None) -> list[str]:
    names = () if old is None or new is None else find_edited_packages(old, new)
    return [f"package {name}: held changes that no commit has, in one or both" for name in names]


def _diff_code(workspace: Workspace, old: Run, new: Run) -> tuple[CodeChange, ...]:
    return tuple(
        CodeChange(
            path=each.path,
            status=_STATUS.get(each.status, "changed"),
            old_path=each.old_path,
            added_lines=each.added,
            removed_lines=each.removed,
        )
        for each in workspace.git.diff(old.code.snapshot, new.code.snapshot)
    )


def _look_inside(workspace: Workspace, diff: FileDiff) -> FileDiff:
    before, after = _list(workspace, diff, diff.old), _list(workspace, diff, diff.new)
    if before is None or after is None:
        return diff
    return msgspec.structs.replace(diff, files=diff_listings(before, after))


def _list(
    workspace: Workspace, diff: FileDiff, fingerprint: Fingerprint | None
) -> dict[RepoPath, TreeEntry] | None:
    if fingerprint is None or fingerprint.kind != "dir":
        return None
    try:
        return list_files(workspace.objects, fingerprint, diff.path)
    except MissingObjectError:
        return None
