"""What a command has to be told so that it works in another worktree of the same code."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mlv.app.record.begin import RunRequest
from mlv.app.record.environment import describe_environment
from mlv.app.record.other_root import lead_modules, move_text
from mlv.app.workspace import Workspace
from mlv.worktree.paths import is_inside, repo_path


def relocate_request(
    workspace: Workspace, request: RunRequest, executable: Path, root: Path
) -> RunRequest:
    """Return a request that does the same below another root.

    The record keeps the words that the person typed.

    Args:
        workspace: The worktree that the request speaks of.
        request: What to run.
        executable: The program, which stays where it is.
        root: The other root; the files that the command needs are there already.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    directory = _move_path(workspace, root, request.directory)
    argv = [move_text(workspace.root, root, word) for word in request.argv]
    if "/" in argv[0] and not (directory / argv[0]).exists():
        argv[0] = str(executable)  # such as that of a virtual environment, which Git ignores
    elif executable.is_relative_to(workspace.root):
        executable = _in_place(executable, workspace.root, root)
    environment = describe_environment(workspace, executable, request.directory)
    return msgspec.structs.replace(
        request,
        argv=tuple(argv),
        recorded_argv=request.argv,
        executable=executable,
        directory=directory,
        variables=lead_modules(workspace, environment, root),
        inputs=_move_paths(workspace, root, request.inputs),
        outputs=_move_paths(workspace, root, request.outputs),
        metrics=_move_paths(workspace, root, request.metrics),
        tensorboard=_move_paths(workspace, root, request.tensorboard),
        params=tuple(move_text(workspace.root, root, each) for each in request.params),
    )


def _in_place(executable: Path, old_root: Path, new_root: Path) -> Path:
    """Return the same program below the new root, if it is there."""
    moved = new_root / executable.relative_to(old_root)
    return moved if moved.exists() else executable


def _move_paths(workspace: Workspace, root: Path, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(_move_path(workspace, root, path) for path in paths)


def _move_path(workspace: Workspace, root: Path, path: Path) -> Path:
    inside = repo_path(workspace.root, path)
    if not is_inside(inside):
        return path
    return root / os.path.relpath(os.path.normpath(path), workspace.root)
