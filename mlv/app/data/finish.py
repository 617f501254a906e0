"""Finish a change of data that was cut short."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlv.app.data.apply import check_out_steps, warn_left
from mlv.app.data.plan import PlannedData, Step, plan_data
from mlv.app.data.revert import same_entry
from mlv.app.data.unfinished import CutShort, end_change
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.link_type import LinkType
from mlv.core.operation import DataChange
from mlv.core.paths import RepoPath, parents_of
from mlv.core.tree import TreeEntry
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashCached


def finish_change(
    workspace: Workspace, cut_short: CutShort, link_type: LinkType, reporter: Reporter
) -> tuple[PlannedData, ...]:
    """Make data what a published change says; the caller holds the lock and the store.

    A file that is neither what it was before the change nor what the change makes of it
    belongs to somebody: it is left, and named. The change counts as made then.

    Returns:
        What was left to do.

    Raises:
        MissingObjectError, CorruptDataError: Content is gone or damaged.
        WorktreeError: Something is in the way.
        StorageError: The disk is full, read-only or failing.
    """
    changes = {each.path: each for each in cut_short.change.data}
    with workspace.objects.transaction() as objects:
        targets = {path: each.after for path, each in changes.items()}
        planned = plan_data(workspace, targets, HashCached(objects))
    left: list[RepoPath] = []
    steps = [_without_edited(workspace, step, changes[step.planned.path], left) for step in planned]
    left += check_out_steps(workspace, steps, link_type, reporter)
    end_change(workspace, cut_short.change)
    warn_left(left, reporter)
    reporter.note(f"finished the {cut_short.kind} that was cut short")
    return tuple(step.planned for step in steps if step.changes)


def _without_edited(
    workspace: Workspace, step: Step, change: DataChange, edited: list[RepoPath]
) -> Step:
    """Return a step that leaves files alone that were edited, and add these to `edited`."""
    before: dict[RepoPath, TreeEntry] = {}
    if change.before is not None:
        before = list_files(workspace.objects, change.before, change.path)
    found = [
        each.path
        for each in step.changes
        # A directory that is there already, or still, holds nothing of its own.
        if each.before is not None
        and each.before.kind != "dir"
        and not same_entry(before.get(each.path), each.before)
    ]
    if not found:
        return step
    edited += found
    return _leave(step, found)


def _leave(step: Step, paths: Sequence[RepoPath]) -> Step:
    """Return a step without some files, what lies below them, and what they lie below."""
    left = set(paths)
    above = {parent for path in paths for parent in parents_of(path)}

    def is_free(path: RepoPath) -> bool:
        return path not in above and left.isdisjoint((path, *parents_of(path)))

    planned = step.planned
    files = tuple(file for file in planned.files if is_free(file.path))
    return msgspec.structs.replace(
        step,
        planned=msgspec.structs.replace(planned, files=files),
        changes=tuple(each for each in step.changes if is_free(each.path)),
    )
