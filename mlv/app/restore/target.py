"""The files of a run: what the worktree held, and what the run made of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from mlv.app.record.code import EARLIER_OUTPUT
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath
from mlv.core.run import Content, Run
from mlv.core.tree import EntryKind, Fingerprint
from mlv.errors import GitError, MissingObjectError
from mlv.git.objects import TreeFile
from mlv.store.trees import list_files
from mlv.worktree.paths import is_inside

_KINDS: dict[int, EntryKind] = {0o100755: "exec", 0o120000: "link"}


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose content is in the store."""

    kind: EntryKind
    content: Content
    role: Literal["input", "output", "code"]


class GitFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose content is in the snapshot commit."""

    kind: EntryKind
    blob: str


TargetFile = StoredFile | GitFile


def kind_of(file: TreeFile) -> EntryKind:
    """Return what kind of file an entry of a Git tree is."""
    return _KINDS.get(file.mode, "file")


def files_of_run(workspace: Workspace, run: Run) -> dict[RepoPath, TargetFile]:
    """Return every file that a run had when it ended, as far as it was recorded.

    An output hides an input at the same path, and an input hides code.

    Raises:
        GitError: Git no longer has the snapshot.
        MissingObjectError: The listing of a directory is not in the store.
        CorruptDataError: The listing of a directory is damaged.
    """
    return {
        **code_of_run(workspace, run),
        **inputs_of_run(workspace, run),
        **_outputs(workspace, run),
    }


def code_of_run(workspace: Workspace, run: Run) -> dict[RepoPath, TargetFile]:
    """Return the files of the code snapshot.

    Raises:
        GitError: Git no longer has it.
    """
    if not workspace.git.has_commit(run.code.snapshot):
        message = (
            f"Git no longer has the code snapshot {run.code.snapshot[:12]} of run {run.name!r}"
        )
        raise GitError(
            message, hint="fetch it from another clone: `git fetch CLONE 'refs/mlv/*:refs/mlv/*'`"
        )
    files: dict[RepoPath, TargetFile] = {
        path: GitFile(kind=kind_of(file), blob=file.blob_id)
        for path, file in workspace.git.tree_files(run.code.snapshot).items()
    }
    return {**files, **large_code_of_run(workspace, run)}


def large_code_of_run(workspace: Workspace, run: Run) -> dict[RepoPath, TargetFile]:
    """Return the files that were too large for the snapshot, and are in the store instead."""
    files: dict[RepoPath, TargetFile] = {}
    for each in run.code.left_out:
        if each.fingerprint is not None and each.reason != EARLIER_OUTPUT:
            files |= _stored(workspace, each.path, each.fingerprint, "code")
    return files


def inputs_of_run(workspace: Workspace, run: Run) -> dict[RepoPath, TargetFile]:
    """Return the stored inputs inside the repository, as the command found them."""
    files: dict[RepoPath, TargetFile] = {}
    for each in run.inputs:
        if each.fingerprint is not None and each.stored and is_inside(each.path):
            files |= _stored(workspace, each.path, each.fingerprint, "input")
    for source in run.params:
        if source.file is not None and is_inside(RepoPath(source.name)):
            files |= _stored(workspace, RepoPath(source.name), source.file, "input")
    return files


def missing_objects(workspace: Workspace, files: Iterable[TargetFile]) -> list[StoredFile]:
    """Return the files whose content is not in the store."""
    return [
        file
        for file in files
        if isinstance(file, StoredFile) and not workspace.objects.contains(file.content)
    ]


def require_objects(workspace: Workspace, files: dict[RepoPath, TargetFile]) -> None:
    """Find files whose content is not in the store, all of them at once.

    Raises:
        MissingObjectError: At least one is not there.
    """
    absent = missing_objects(workspace, files.values())
    if absent:
        paths = [path for path, file in files.items() if file in absent]
        message = (
            f"the store no longer holds {len(paths)} of the run's files: {', '.join(paths[:5])}"
        )
        raise MissingObjectError(message, hint="look for another copy of this `.mlv` store")


def _outputs(workspace: Workspace, run: Run) -> dict[RepoPath, TargetFile]:
    files: dict[RepoPath, TargetFile] = {}
    for each in run.outputs:
        if is_inside(each.path):
            files |= _stored(workspace, each.path, each.fingerprint, "output")
    return files


def _stored(
    workspace: Workspace,
    path: RepoPath,
    fingerprint: Fingerprint,
    role: Literal["input", "output", "code"],
) -> dict[RepoPath, TargetFile]:
    return {
        inner: StoredFile(
            kind=entry.kind,
            content=Content(digest=entry.digest, size_bytes=entry.size_bytes),
            role=role,
        )
        for inner, entry in list_files(workspace.objects, fingerprint, path).items()
    }
