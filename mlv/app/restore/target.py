"""The files of a run: what the worktree held, and what the run made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from mlv.app.code.restoring import ensure_snapshot
from mlv.app.record.code import EARLIER_OUTPUT
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath
from mlv.core.run import Content, Run
from mlv.core.tree import EntryKind, Fingerprint
from mlv.errors import MissingObjectError
from mlv.git.objects import TreeFile
from mlv.store.object_writer import ObjectWriter
from mlv.store.objects import content_of
from mlv.store.trees import list_files
from mlv.worktree.paths import is_inside

_KINDS: dict[int, EntryKind] = {0o100755: "exec", 0o120000: "link"}


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose content is in the store."""

    kind: EntryKind
    content: Content


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
        GitError: Git no longer has the snapshot, and it cannot be brought back.
        MissingObjectError: The listing of a directory is not in the store.
        CorruptDataError: The listing of a directory is damaged.
    """
    return {
        **_code_in_git(workspace, run),
        **data_of_run(workspace, run),
        **_outputs(workspace, run),
    }


def data_of_run(workspace: Workspace, run: Run) -> dict[RepoPath, StoredFile]:
    """Return what a run found beside the code in Git: large code, and inputs, which hide it.

    Raises:
        MissingObjectError: The listing of a directory is not in the store.
        CorruptDataError: The listing of a directory is damaged.
    """
    return {**_large_code(workspace, run), **_inputs(workspace, run)}


def missing_objects(workspace: Workspace, files: Mapping[RepoPath, TargetFile]) -> list[RepoPath]:
    """Return the files whose content is not in the store."""
    return [
        path
        for path, file in files.items()
        if isinstance(file, StoredFile) and not workspace.objects.contains(file.content)
    ]


def require_objects(workspace: Workspace, files: Mapping[RepoPath, TargetFile]) -> None:
    """Find files whose content is not in the store, all of them at once.

    Raises:
        MissingObjectError: At least one is not there.
    """
    absent = missing_objects(workspace, files)
    if absent:
        names = enumerate_some(absent)
        message = f"the store no longer holds {len(absent)} of the run's files: {names}"
        raise MissingObjectError(message, hint="look for another copy of this `.mlv` store")


def store_code(
    workspace: Workspace, objects: ObjectWriter, files: Mapping[RepoPath, TargetFile]
) -> dict[RepoPath, StoredFile]:
    """Store those files that are in Git, as Git would write them, and return all of them.

    Raises:
        GitError: A blob is gone, or a Git filter fails.
    """
    stored = {path: file for path, file in files.items() if isinstance(file, StoredFile)}
    in_git = {path: file for path, file in files.items() if isinstance(file, GitFile)}
    for path, data in _read(workspace, in_git):
        stored[path] = StoredFile(kind=in_git[path].kind, content=objects.add_bytes(data))
    return stored


def read_code(workspace: Workspace, path: RepoPath, file: GitFile) -> bytes:
    """Return a file that is in Git, as Git would write it at `path`.

    Raises:
        GitError: The blob is gone, or a Git filter fails.
    """
    ((_, data),) = _read(workspace, {path: file})
    return data


def _read(
    workspace: Workspace, files: Mapping[RepoPath, GitFile]
) -> Iterator[tuple[RepoPath, bytes]]:
    # Where a link leads to is no content, and goes through no filter.
    links = [path for path, file in files.items() if file.kind == "link"]
    if links:
        targets = workspace.git.read_blobs(files[path].blob for path in links)
        yield from ((path, data) for path, (_, data) in zip(links, targets, strict=True))
    blobs = {path: file.blob for path, file in files.items() if file.kind != "link"}
    if blobs:
        yield from workspace.git.read_worktree_files(blobs)


def _code_in_git(workspace: Workspace, run: Run) -> dict[RepoPath, GitFile]:
    ensure_snapshot(workspace, run.code)
    return {
        path: GitFile(kind=kind_of(file), blob=file.blob_id)
        for path, file in workspace.git.tree_files(run.code.snapshot).items()
    }


def _large_code(workspace: Workspace, run: Run) -> dict[RepoPath, StoredFile]:
    files: dict[RepoPath, StoredFile] = {}
    for each in run.code.left_out:
        if each.fingerprint is not None and each.reason != EARLIER_OUTPUT:
            files |= _stored(workspace, each.path, each.fingerprint)
    return files


def _inputs(workspace: Workspace, run: Run) -> dict[RepoPath, StoredFile]:
    files: dict[RepoPath, StoredFile] = {}
    for each in run.inputs:
        if each.fingerprint is not None and each.stored and is_inside(each.path):
            files |= _stored(workspace, each.path, each.fingerprint)
    for source in run.params:
        if source.file is not None and is_inside(RepoPath(source.name)):
            files |= _stored(workspace, RepoPath(source.name), source.file)
    return files


def _outputs(workspace: Workspace, run: Run) -> dict[RepoPath, StoredFile]:
    files: dict[RepoPath, StoredFile] = {}
    for each in run.outputs:
        if is_inside(each.path):
            files |= _stored(workspace, each.path, each.fingerprint)
    return files


def _stored(
    workspace: Workspace, path: RepoPath, fingerprint: Fingerprint
) -> dict[RepoPath, StoredFile]:
    return {
        inner: StoredFile(kind=entry.kind, content=content_of(entry))
        for inner, entry in list_files(workspace.objects, fingerprint, path).items()
    }
