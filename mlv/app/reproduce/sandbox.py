"""The place where a run is made again: a worktree of its own, with the recorded inputs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Container
from pathlib import Path

from mlv.app.code.submodules import restore_submodules
from mlv.app.record.partial import lists_some
from mlv.app.restore.empty import find_empty
from mlv.app.restore.target import data_of_run
from mlv.app.workspace import Workspace
from mlv.core.ids import RunId
from mlv.core.paths import RepoPath, parents_of
from mlv.core.run import Output, Run
from mlv.core.tree import TreeEntry
from mlv.store.failures import storage_errors
from mlv.store.trees import list_files
from mlv.worktree.fingerprint import HashOnly, find_fingerprint
from mlv.worktree.paths import is_inside, os_path
from mlv.worktree.place import place, place_directory, remove


def sandbox_directory(workspace: Workspace, run_id: RunId, token: str) -> Path:
    """Return where a reproduction of a run takes place."""
    return workspace.layout.cache / "reproduce" / f"{run_id}-{token}"


def build_sandbox(workspace: Workspace, run: Run, directory: Path) -> None:
    """Check the code snapshot and its submodules out, and put the inputs beside them.

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
        restore_submodules(workspace, run.code, directory)
        inputs = data_of_run(workspace, run)
        outputs = [each for each in run.outputs if is_inside(each.path)]
        for path in (*inputs, *(each.path for each in outputs)):
            _replace_links(directory, path)
        for each in outputs:
            _clear_output(workspace, directory, each, inputs)
        for path in find_empty(workspace, *run.inputs):
            place_directory(directory, path)
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


def _clear_output(
    workspace: Workspace, directory: Path, output: Output, inputs: Container[RepoPath]
) -> None:
    """Remove what the snapshot holds of an output, and make the directories that it is in."""
    is_declared = output.fingerprint.kind == "dir" and not lists_some(output)
    for path, entry in list_files(workspace.objects, output.fingerprint, output.path).items():
        if path in inputs:
            continue
        place_on_disk = os_path(directory, path)
        if place_on_disk.is_dir() and not place_on_disk.is_symlink():
            shutil.rmtree(place_on_disk)
        elif is_declared and _holds(place_on_disk, entry):
            continue  # it lay in the directory, and the command left it as it was
        elif os.path.lexists(place_on_disk):
            remove(directory, path)
        # A program may count on a directory that was there, and that Git ignores.
        place_on_disk.parent.mkdir(parents=True, exist_ok=True)


def _holds(place_on_disk: Path, entry: TreeEntry) -> bool:
    found = find_fingerprint(place_on_disk, HashOnly())
    return found is not None and (found.kind, found.digest) == (entry.kind, entry.digest)
