"""Tell which files of a run lie in the worktree already."""

from __future__ import annotations

from collections.abc import Mapping

from mlv.app.restore.change import read_state
from mlv.app.restore.target import GitFile, StoredFile, TargetFile, kind_of, read_code
from mlv.app.workspace import Workspace
from mlv.core.digest import digest_of
from mlv.core.paths import RepoPath
from mlv.git.objects import TreeFile
from mlv.worktree.fingerprint import HashCached, Sink, find_fingerprint
from mlv.worktree.paths import real_path


def find_absent(
    workspace: Workspace,
    targets: Mapping[RepoPath, TargetFile],
    present: Mapping[RepoPath, TreeFile],
) -> dict[RepoPath, TargetFile]:
    """Return those of `targets` that the worktree lacks, or holds otherwise, sorted by path.

    Args:
        workspace: The worktree.
        targets: Files of a run.
        present: The worktree as a Git tree; files that Git ignores are not in it.

    Raises:
        WorktreeError: A directory lies where a file should.
        UnreadableFileError: What lies at a path cannot be read.
    """
    with workspace.objects.transaction() as objects:
        sink = HashCached(objects)
        return {
            path: file
            for path, file in sorted(targets.items())
            if not _is_there(workspace, path, file, present.get(path), sink)
        }


def _is_there(
    workspace: Workspace, path: RepoPath, file: TargetFile, found: TreeFile | None, sink: Sink
) -> bool:
    if isinstance(file, StoredFile):
        return _holds_content(workspace, path, file, sink)
    if found is not None:
        return (found.blob_id, kind_of(found)) == (file.blob, file.kind)
    return _holds_ignored(workspace, path, file, sink)


def _holds_content(workspace: Workspace, path: RepoPath, file: StoredFile, sink: Sink) -> bool:
    state = read_state(workspace, path, sink)
    if state is None:
        return False
    found = state.fingerprint
    if found.kind == "link" and file.kind != "link":
        # Inputs and outputs are recorded by what lies behind a link.
        behind = find_fingerprint(real_path(workspace.root, path), sink)
        return behind is not None and behind.digest == file.content.digest
    return (found.kind, found.digest) == (file.kind, file.content.digest)


def _holds_ignored(workspace: Workspace, path: RepoPath, file: GitFile, sink: Sink) -> bool:
    """Tell whether a file that was code, and that Git ignores by now, is as it was then."""
    state = read_state(workspace, path, sink)
    if state is None or state.fingerprint.kind != file.kind:
        return False
    return state.fingerprint.digest == digest_of(read_code(workspace, path, file))
