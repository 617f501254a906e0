"""The place where a run is made again: a worktree of its own, with the recorded inputs."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlv.app.restore.target import data_of_run
from mlv.app.workspace import Workspace
from mlv.core.ids import RunId
from mlv.core.paths import RepoPath, parents_of
from mlv.core.run import Run
from mlv.store.failures import storage_errors
from mlv.worktree.paths import is_inside, os_path
from mlv.worktree.place import place, remove


def sandbox_directory(workspace: Workspace, run_id: RunId, token: str) -> Path:
    """Return where a reproduction of a run takes place."""
    return workspace.layout.cache / "reproduce" / f"{run_id}-{token}"


def build_sandbox(workspace: Workspace, run: Run, directory: Path) -> None:
    """Check the code snapshot out and put the inputs beside it.

    Outputs that the snapshot holds are removed, so that what is compared later
    was made by the command. Links to directories above inputs and outputs become
    directories, so that nothing outside is read or written in place of them. The
    user's own worktree is not touched.

    Raises:
        GitError: The snapshot cannot be checked out.
        MissingObjectError, CorruptDataError: An input is gone or damaged.
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors("prepare the reproduction"):
        directory.parent.mkdir(parents=True, exist_ok=True)
        workspace.git.add_worktree(directory, run.code.snapshot)
        inputs = data_of_run(workspace, run)
        outputs = [each.path for each in run.outputs if is_inside(each.path)]
        for path in (*inputs, *outputs):
            _replace_links(directory, path)
        for path in outputs:
            if path not in inputs:
                _clear(directory, path)
                # A program may count on a directory that was there, and that Git ignores.
                os_path(directory, path).parent.mkdir(parents=True, exist_ok=True)
        for path, file in inputs.items():
            blocks = workspace.objects.stream(file.content)
            place(directory, path, file.kind, blocks, durability="scratch")


def remove_sandbox(workspace: Workspace, directory: Path) -> None:
    """Remove a sandbox with all that the command left in it."""
    workspace.git.remove_worktree(directory)
    shutil.rmtree(directory, ignore_errors=True)


def _replace_links(directory: Path, path: RepoPath) -> None:
    for parent in parents_of(path):
        above = os_path(directory, parent)
        if above.is_symlink():
            above.unlink()
            above.mkdir()


def _clear(directory: Path, path: RepoPath) -> None:
    place_on_disk = os_path(directory, path)
    if place_on_disk.is_dir() and not place_on_disk.is_symlink():
        shutil.rmtree(place_on_disk)
    else:
        remove(directory, path)
