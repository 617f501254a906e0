"""Set the files of the worktree to those of a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.publish import Invocation, publish
from mlv.app.reporter import Reporter
from mlv.app.restore.change import (
    applied_change,
    missing_directories,
    read_state,
    require_way,
)
from mlv.app.restore.empty import find_empty
from mlv.app.restore.presence import find_absent
from mlv.app.restore.saved import saved_worktree
from mlv.app.restore.target import (
    StoredFile,
    TargetFile,
    files_of_run,
    require_objects,
    store_code,
)
from mlv.app.restore.unsaved import find_unsaved
from mlv.app.runs import find_run, read_runs
from mlv.app.workspace import Workspace
from mlv.app.worktree_lock import worktree_lock
from mlv.core.enumeration import enumerate_some
from mlv.core.operation import (
    ChangeWorktree,
    FileChange,
    FileState,
    LoggedOperation,
    WorktreeChange,
)
from mlv.core.paths import RepoPath, is_below, parents_of
from mlv.core.run import Run
from mlv.core.tree import Fingerprint
from mlv.errors import MissingFileError, StorageError, WorktreeError
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import content_of
from mlv.worktree.paths import os_path, repo_path
from mlv.worktree.place import place_directory

_SPARE_BYTES = 16 << 20
"""Free space that a rollback leaves on the disk."""


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for.

    Attributes:
        reference: The run.
        paths: Only these files and directories; empty for all.
        overwrite: Whether changes that no commit and no run holds may be replaced.
    """

    reference: str
    paths: tuple[Path, ...] = ()
    overwrite: bool = False


class PlannedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a rollback will write."""

    path: RepoPath
    action: Literal["create", "replace"]
    unsaved: bool = False


class RollbackPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollback will do.

    Attributes:
        run: The run whose files come back.
        files: The files, sorted by path; `unsaved` where what is there now is in no
            commit and in no run.
        directories: Empty directories of the run that are not there.
        unknown: Files of the worktree that the run does not know; they stay.
        behind_links: Data of the run behind a symbolic link, which leads out of the
            worktree; it stays as it is.
    """

    run: Run
    files: tuple[PlannedFile, ...]
    directories: tuple[RepoPath, ...] = ()
    unknown: tuple[RepoPath, ...]
    behind_links: tuple[RepoPath, ...] = ()

    @property
    def unsaved(self) -> list[RepoPath]:
        """Files whose present content is in no commit and in no run."""
        return [file.path for file in self.files if file.unsaved]


class RollbackResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollback did; no operation when there was nothing to do."""

    plan: RollbackPlan
    operation: LoggedOperation | None


def plan_rollback(workspace: Workspace, request: RollbackRequest) -> RollbackPlan:
    """Find what would have to change for the worktree to be that of a run.

    Only looks: neither files nor the store change.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        WorktreeError: Git is in the middle of something, or a directory is in the way.
        MissingObjectError: Content of the run is gone.
        GitError: The snapshot is gone.
    """
    with saved_worktree(workspace) as saved:
        plan, _ = _plan(workspace, request, saved.commit)
        saved.discard()
    return plan


def roll_back(
    workspace: Workspace,
    request: RollbackRequest,
    invocation: Invocation,
    reporter: Reporter,
    confirm: Callable[[RollbackPlan], bool] | None = None,
) -> RollbackResult:
    """Set files of the worktree to those of a run; what was there is kept for `undo`.

    HEAD, the index, and files that the run does not know stay as they are.

    Args:
        workspace: The worktree.
        request: What is wanted.
        invocation: Who wants it.
        reporter: Is told what was left as it is.
        confirm: Is asked whether changes that nothing else holds may be replaced, when
            the request does not say so.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        WorktreeError: Git is in the middle of something, something is in the way, or
            changes that nothing else holds would be replaced.
        MissingObjectError, CorruptDataError: Content of the run is gone or damaged.
        LockedError: Another process changes the worktree.
        StorageError: The disk is full, read-only or failing; nothing was changed.
    """
    with (
        workspace.objects.hold(),
        worktree_lock(workspace),
        saved_worktree(workspace) as saved,
    ):
        plan, targets = _plan(workspace, request, saved.commit)
        if plan.unsaved and not request.overwrite and not (confirm and confirm(plan)):
            raise _unsaved(plan)
        _warn_of_links(plan, reporter)
        if not plan.files and not plan.directories:
            saved.discard()
            return RollbackResult(plan=plan, operation=None)
        change = _make_change(workspace, plan, targets)
        with applied_change(workspace, change) as written:
            for directory in plan.directories:
                place_directory(workspace.root, directory)
            done = ChangeWorktree(
                files=written, worktree=str(workspace.root), target=plan.run.id, saved=saved.commit
            )
            operation = publish(workspace, invocation, done)
    _note_unknown(plan, reporter)
    return RollbackResult(plan=plan, operation=operation)


def _plan(
    workspace: Workspace, request: RollbackRequest, saved_commit: str
) -> tuple[RollbackPlan, dict[RepoPath, TargetFile]]:
    _refuse_busy(workspace)
    known = read_runs(workspace)
    run = find_run(workspace, request.reference, among=known)
    everything = files_of_run(workspace, run)
    targets = _select(workspace, everything, request.paths)
    require_objects(workspace, targets)
    present = workspace.git.tree_files(saved_commit)
    absent = find_absent(workspace, targets, present)
    behind = _find_behind_links(workspace, absent)
    absent = {path: file for path, file in absent.items() if path not in behind}
    directories = _missing_empty(workspace, run, request.paths)
    require_way(workspace, (*absent, *directories))
    unsaved = find_unsaved(workspace, absent, present, known.runs)
    files = tuple(
        PlannedFile(
            path=path,
            action="replace" if os.path.lexists(os_path(workspace.root, path)) else "create",
            unsaved=path in unsaved,
        )
        for path in absent
    )
    unknown = () if request.paths else tuple(sorted(present.keys() - everything.keys()))
    plan = RollbackPlan(
        run=run, files=files, directories=directories, unknown=unknown, behind_links=behind
    )
    return plan, absent


def _missing_empty(workspace: Workspace, run: Run, paths: Sequence[Path]) -> tuple[RepoPath, ...]:
    """Return the empty directories of a run where nothing is now."""
    wanted = [repo_path(workspace.root, path) for path in paths] or [RepoPath(".")]
    return tuple(
        path
        for path in find_empty(workspace, *run.inputs, *run.outputs)
        if any(is_below(path, each) for each in wanted)
        and not os.path.lexists(os_path(workspace.root, path))
        and not any(os_path(workspace.root, each).is_symlink() for each in parents_of(path))
    )


def _find_behind_links(
    workspace: Workspace, files: Mapping[RepoPath, TargetFile]
) -> tuple[RepoPath, ...]:
    links = {
        parent
        for path in files
        for parent in parents_of(path)
        if os_path(workspace.root, parent).is_symlink()
    }
    return tuple(
        path
        for path, file in files.items()
        if isinstance(file, StoredFile) and not links.isdisjoint(parents_of(path))
    )


def _refuse_busy(workspace: Workspace) -> None:
    busy = workspace.git.operation_in_progress()
    if busy is None:
        return
    message = f"Git is in the middle of a {busy} in this worktree"
    give_up = "git bisect reset" if busy == "bisect" else f"git {busy} --abort"
    raise WorktreeError(message, hint=f"finish it, or give it up with `{give_up}`")


def _unsaved(plan: RollbackPlan) -> WorktreeError:
    names = enumerate_some(plan.unsaved)
    message = f"changes that no commit and no run holds would be replaced: {names}"
    hint = "commit or record them, or go on with --overwrite (`mlv undo` brings them back)"
    return WorktreeError(message, hint=hint)


def _select(
    workspace: Workspace, files: dict[RepoPath, TargetFile], paths: Sequence[Path]
) -> dict[RepoPath, TargetFile]:
    if not paths:
        return files
    selected: dict[RepoPath, TargetFile] = {}
    for wanted in (repo_path(workspace.root, path) for path in paths):
        found = {path: file for path, file in files.items() if is_below(path, wanted)}
        if not found:
            message = f"the run has no file {wanted!r}"
            raise MissingFileError(message, hint="see what it has with `mlv show RUN`")
        selected |= found
    return selected


def _warn_of_links(plan: RollbackPlan, reporter: Reporter) -> None:
    if plan.behind_links:
        names = enumerate_some(plan.behind_links, n_shown=3)
        reporter.warn(f"data behind a symbolic link was left as is: {names}")


def _note_unknown(plan: RollbackPlan, reporter: Reporter) -> None:
    if plan.unknown:
        n_files = len(plan.unknown)
        files = "1 file" if n_files == 1 else f"{n_files} files"
        verb = "was" if n_files == 1 else "were"
        names = enumerate_some(plan.unknown, n_shown=3)
        reporter.note(f"{files} that the run does not know {verb} left as is: {names}")


def _make_change(
    workspace: Workspace, plan: RollbackPlan, targets: Mapping[RepoPath, TargetFile]
) -> WorktreeChange:
    with workspace.objects.transaction() as objects:
        stored = store_code(workspace, objects, targets)
        files = tuple(
            _store_change(workspace, objects, planned.path, stored[planned.path])
            for planned in plan.files
        )
    _require_space(workspace, files)
    directories = missing_directories(workspace, files, plan.directories)
    return WorktreeChange(files=files, directories=directories)


def _store_change(
    workspace: Workspace, objects: ObjectWriter, path: RepoPath, file: StoredFile
) -> FileChange:
    """Store what lies at `path` now; what is to lie there is stored."""
    before = read_state(workspace, path, objects)
    if before is not None:
        # What was in the store already may have rotted there; undo must be able to read it.
        workspace.objects.verify(content_of(before.fingerprint))
    content = file.content
    after = Fingerprint(kind=file.kind, digest=content.digest, size_bytes=content.size_bytes)
    keeps_mode = before is not None and before.fingerprint.kind == file.kind
    return FileChange(
        path=path,
        before=before,
        after=FileState(fingerprint=after, mode=before.mode if before and keeps_mode else None),
    )


def _require_space(workspace: Workspace, files: Sequence[FileChange]) -> None:
    needed = sum(change.after.fingerprint.size_bytes for change in files if change.after)
    free = shutil.disk_usage(workspace.root).free
    if needed + _SPARE_BYTES > free:
        message = f"the rollback needs {needed} bytes, and the disk has {free} left"
        raise StorageError(message, hint="free some space and run the same command again")
