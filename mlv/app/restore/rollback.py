"""Set the files of the worktree to those of a run."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    worktree_lock,
)
from mlv.app.restore.target import (
    GitFile,
    StoredFile,
    TargetFile,
    files_of_run,
    kind_of,
    require_objects,
)
from mlv.app.restore.unsaved import find_unsaved
from mlv.app.runs import find_run
from mlv.app.workspace import Workspace
from mlv.core.digest import digest_of
from mlv.core.operation import (
    ChangeWorktree,
    FileChange,
    FileState,
    LoggedOperation,
    WorktreeChange,
)
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.core.tree import Fingerprint
from mlv.errors import MissingFileError, StorageError, WorktreeError
from mlv.git.objects import TreeFile
from mlv.git.snapshot import take_snapshot
from mlv.store.objects import ObjectWriter
from mlv.worktree.fingerprint import HashOnly, find_fingerprint
from mlv.worktree.paths import os_path, real_path, repo_path

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
        unknown: Files of the worktree that the run does not know; they stay.
    """

    run: Run
    files: tuple[PlannedFile, ...]
    unknown: tuple[RepoPath, ...]


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
    with _snapshot(workspace) as saved:
        plan, _ = _plan(workspace, request, saved)
        saved.discard()
    return plan


def roll_back(
    workspace: Workspace, request: RollbackRequest, invocation: Invocation, reporter: Reporter
) -> RollbackResult:
    """Set files of the worktree to those of a run; what was there is kept for `undo`.

    HEAD, the index, and files that the run does not know stay as they are.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        WorktreeError: Git is in the middle of something, something is in the way, or
            changes that nothing else holds would be replaced.
        MissingObjectError, CorruptDataError: Content of the run is gone or damaged.
        LockedError: Another process changes the worktree.
        StorageError: The disk is full, read-only or failing; nothing was changed.
    """
    with worktree_lock(workspace), _snapshot(workspace) as saved:
        plan, targets = _plan(workspace, request, saved)
        _refuse_unsaved(plan, request)
        if not plan.files:
            saved.discard()
            return RollbackResult(plan=plan, operation=None)
        with workspace.objects.transaction() as objects:
            files = tuple(
                _store_change(workspace, objects, planned.path, targets[planned.path])
                for planned in plan.files
            )
        _require_space(workspace, files)
        change = WorktreeChange(files=files, directories=missing_directories(workspace, files))
        with applied_change(workspace, change) as stored:
            done = ChangeWorktree(
                files=stored, worktree=str(workspace.root), target=plan.run.id, saved=saved.commit
            )
            operation = publish(workspace, invocation, done)
    if plan.unknown:
        names = ", ".join(plan.unknown[:3]) + (", ..." if plan.unknown[3:] else "")
        count = len(plan.unknown)
        what = (
            "1 file that the run does not know was"
            if count == 1
            else (f"{count} files that the run does not know were")
        )
        reporter.note(f"{what} left as is: {names}")
    return RollbackResult(plan=plan, operation=operation)


class _Saved:
    """A snapshot of the worktree as it was before, under a ref of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._ref = f"refs/mlv/saved/{secrets.token_hex(8)}"
        when = time.time_ns() // 1_000_000_000
        self.commit = take_snapshot(
            workspace.git, ref=self._ref, message="mlv: before a rollback", when=when
        ).commit

    def discard(self) -> None:
        """Drop the ref; the snapshot is not needed."""
        self._workspace.git.delete_ref(self._ref)


@contextmanager
def _snapshot(workspace: Workspace) -> Iterator[_Saved]:
    saved = _Saved(workspace)
    try:
        yield saved
    except BaseException:
        saved.discard()
        raise


def _plan(
    workspace: Workspace, request: RollbackRequest, saved: _Saved
) -> tuple[RollbackPlan, dict[RepoPath, TargetFile]]:
    _refuse_busy(workspace)
    run = find_run(workspace, request.reference)
    everything = files_of_run(workspace, run)
    targets = _select(workspace, everything, request.paths)
    require_objects(workspace, targets)
    present = workspace.git.tree_files(saved.commit)
    changed = {
        path: file
        for path, file in sorted(targets.items())
        if not _is_there(workspace, path, file, present)
    }
    require_way(workspace, changed)
    unsaved = find_unsaved(workspace, changed, present)
    files = tuple(
        PlannedFile(
            path=path,
            action="replace" if os.path.lexists(os_path(workspace.root, path)) else "create",
            unsaved=path in unsaved,
        )
        for path in changed
    )
    unknown = () if request.paths else tuple(sorted(present.keys() - everything.keys()))
    return RollbackPlan(run=run, files=files, unknown=unknown), changed


def _refuse_busy(workspace: Workspace) -> None:
    busy = workspace.git.operation_in_progress()
    if busy is None:
        return
    message = f"Git is in the middle of a {busy} in this worktree"
    give_up = "git bisect reset" if busy == "bisect" else f"git {busy} --abort"
    raise WorktreeError(message, hint=f"finish it, or give it up with `{give_up}`")


def _refuse_unsaved(plan: RollbackPlan, request: RollbackRequest) -> None:
    unsaved = [file.path for file in plan.files if file.unsaved]
    if not unsaved or request.overwrite:
        return
    names = ", ".join(unsaved[:5]) + (f" and {len(unsaved) - 5} more" if unsaved[5:] else "")
    message = f"changes that no commit and no run holds would be replaced: {names}"
    hint = "commit or record them, or go on with --overwrite (`mlv undo` brings them back)"
    raise WorktreeError(message, hint=hint)


def _select(
    workspace: Workspace, files: dict[RepoPath, TargetFile], paths: Sequence[Path]
) -> dict[RepoPath, TargetFile]:
    if not paths:
        return files
    selected: dict[RepoPath, TargetFile] = {}
    for wanted in (repo_path(workspace.root, path) for path in paths):
        found = {
            path: file
            for path, file in files.items()
            if wanted in (".", path) or path.startswith(f"{wanted}/")
        }
        if not found:
            message = f"the run has no file {wanted!r}"
            raise MissingFileError(message, hint="see what it has with `mlv show RUN`")
        selected |= found
    return selected


def _is_there(
    workspace: Workspace, path: RepoPath, file: TargetFile, present: Mapping[RepoPath, TreeFile]
) -> bool:
    if isinstance(file, GitFile) and (found := present.get(path)) is not None:
        return (found.blob_id, kind_of(found)) == (file.blob, file.kind)
    state = read_state(workspace, path, HashOnly())
    if isinstance(file, StoredFile) and state and state.fingerprint.kind == "link":
        # Inputs and outputs are recorded by what lies behind a link.
        behind = find_fingerprint(real_path(workspace.root, path), HashOnly())
        return behind is not None and behind.digest == file.content.digest
    if state is None or state.fingerprint.kind != file.kind:
        return False
    if isinstance(file, StoredFile):
        return state.fingerprint.digest == file.content.digest
    # By now Git ignores a file that was code then, so the tree of the worktree lacks it.
    recorded = workspace.git.read_worktree_file(path, file.blob)
    return state.fingerprint.digest == digest_of(recorded)


def _store_change(
    workspace: Workspace, objects: ObjectWriter, path: RepoPath, file: TargetFile
) -> FileChange:
    """Store what lies at `path` now, and see that what is to lie there is stored."""
    before = read_state(workspace, path, objects)
    content = (
        file.content
        if isinstance(file, StoredFile)
        else objects.add_bytes(workspace.git.read_worktree_file(path, file.blob))
    )
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
