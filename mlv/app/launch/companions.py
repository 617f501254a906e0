"""Bring what a command needs beside the code into a worktree of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlv.app.data.pointers import load_pointers
from mlv.app.record.begin import RunRequest
from mlv.app.record.params import find_params_files
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, escape_name
from mlv.core.run import Code, Run
from mlv.store.reflink import clone_file
from mlv.worktree.paths import is_inside, os_path, repo_path

_CACHES = frozenset(
    "__pycache__ node_modules venv env site-packages .venv .mlv .tox .nox .eggs build dist".split()
)
_SHELL_WORDS = 3


def bring_files(
    workspace: Workspace,
    request: RunRequest,
    code: Code,
    earlier: Sequence[Run],
    directory: Path,
) -> None:
    """Put the files that a command needs into a worktree that holds the code alone.

    They are those that were declared, those that the same command read last time, tracked
    data, and what the snapshot left out. A file shares its blocks with the user's where the
    file system can do that, and is a copy elsewhere. What looks like a secret is a link.

    Args:
        workspace: Where they are.
        request: What is to run.
        code: The snapshot.
        earlier: All runs.
        directory: The new worktree.

    Raises:
        OSError: A file cannot be read, or the disk is full.
    """
    for path in dict.fromkeys(_wanted(workspace, request, code, earlier)):
        _bring(os_path(workspace.root, path), os_path(directory, path), workspace.root)
    for each in code.left_out:
        source, target = os_path(workspace.root, each.path), os_path(directory, each.path)
        if each.reason == "secret" and source.exists() and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)


def find_absent(
    workspace: Workspace, request: RunRequest, earlier: Sequence[Run], directory: Path
) -> list[RepoPath]:
    """Return what Git ignores and was not brought, when nobody knows what the command reads."""
    if request.inputs or last_run(request, earlier) is not None:
        return []
    listing = workspace.git.command.ask(
        "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"
    ).stdout
    names = [raw.rstrip(b"/") for raw in listing.split(b"\0") if raw]
    return [
        RepoPath(escape_name(raw))
        for raw in names
        if not _is_cache(os.fsdecode(raw)) and not os.path.lexists(directory / os.fsdecode(raw))
    ]


def last_run(request: RunRequest, earlier: Sequence[Run]) -> Run | None:
    """Return the newest run of the same stage, or of the same program and script."""
    for run in reversed(earlier):
        if request.stage is not None:
            same = run.command.stage == request.stage
        else:
            n_words = _SHELL_WORDS if "-c" in request.argv[1:_SHELL_WORDS] else 2
            same = run.command.argv[:n_words] == request.argv[:n_words]
        if same and run.observed:
            return run
    return None


def _wanted(
    workspace: Workspace, request: RunRequest, code: Code, earlier: Sequence[Run]
) -> Iterator[RepoPath]:
    """Yield the paths of files and directories below the root."""
    paths = [*request.inputs, *(path for path, _ in find_params_files(workspace, request))]
    for path in (repo_path(workspace.root, each) for each in paths):
        if is_inside(path):
            yield path
    yield from load_pointers(workspace).data
    for left_out in code.left_out:
        if left_out.fingerprint is not None:
            yield left_out.path
    last = last_run(request, earlier)
    if last is not None:
        yield from (each.path for each in last.inputs if is_inside(each.path))


def _is_cache(name: str) -> bool:
    parts = name.split("/")
    return any(part in _CACHES or part.endswith("_cache") for part in parts) or name.endswith(
        (".pyc", ".egg-info", ".so")
    )


def _bring(source: Path, target: Path, root: Path) -> None:
    """Make a file or directory that is at `source` be at `target` as well; what is there stays."""
    if not os.path.lexists(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    real = Path(os.path.realpath(source))
    if source.is_symlink() and not real.is_relative_to(root):
        if not os.path.lexists(target):
            target.symlink_to(real)
    elif real.is_dir():
        target.mkdir(exist_ok=True)
        for entry in os.scandir(real):
            if entry.name not in {".git", "__pycache__"}:
                _bring(Path(entry.path), target / entry.name, root)
    elif real.is_file() and not os.path.lexists(target):
        _copy_file(real, target)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("xb") as writing:
        if not clone_file(reading.fileno(), writing.fileno()):
            shutil.copyfileobj(reading, writing, 1 << 20)
    shutil.copystat(source, target)
    target.chmod(target.stat().st_mode | 0o200)  # tracked data may be read-only
