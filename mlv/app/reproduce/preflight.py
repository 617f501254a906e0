"""Find everything that would stop a reproduction, before anything is done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.record.begin import find_program
from mlv.app.restore.target import data_of_run, missing_objects
from mlv.app.workspace import Workspace
from mlv.capture.redact import REDACTED
from mlv.core.paths import RepoPath
from mlv.core.run import Run
from mlv.errors import MissingObjectError, MlvError
from mlv.worktree.fingerprint import HashOnly, fingerprint
from mlv.worktree.paths import is_inside, os_path, real_path, repo_path

BlockerCode = Literal[
    "code.snapshot_missing",
    "data.missing",
    "data.hash_mismatch",
    "data.external_unreachable",
    "disk.space",
    "exec.not_found",
    "secret.missing",
]

_SPARE_BYTES = 64 << 20


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that stops a reproduction."""

    code: BlockerCode
    message: str


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a run can be made again here.

    Attributes:
        run: The run.
        executable: The program to start; None when it comes with the code, or when it
            was not found.
        blockers: What is in the way, all of it.
    """

    run: Run
    executable: Path | None
    blockers: tuple[Blocker, ...]


def check_run(workspace: Workspace, run: Run) -> Preflight:
    """Find everything that would stop a reproduction of `run`.

    Raises:
        CorruptDataError: The listing of an input is damaged.
    """
    blockers = list(_check_code(workspace, run))
    blockers += _check_inputs(workspace, run)
    blockers += _check_command(run)
    executable = None
    try:
        executable = _find_program(workspace, run)
    except MlvError as error:
        blockers.append(Blocker(code="exec.not_found", message=error.message))
    return Preflight(run=run, executable=executable, blockers=tuple(blockers))


def _find_program(workspace: Workspace, run: Run) -> Path | None:
    """Return the program to start; None for a script that is part of the code.

    A program that Git ignores, such as `.venv/bin/python`, is taken from the worktree.
    """
    directory = os_path(workspace.root, run.command.directory)
    path = repo_path(workspace.root, directory / run.command.argv[0])
    names_a_file = "/" in run.command.argv[0] and is_inside(path)
    if names_a_file and workspace.git.blob_at([run.code.snapshot], [path]):
        return None
    return find_program(run.command.argv, directory)


def _check_code(workspace: Workspace, run: Run) -> Iterator[Blocker]:
    if not workspace.git.has_commit(run.code.snapshot):
        message = f"Git no longer has the code snapshot {run.code.snapshot[:12]}"
        yield Blocker(code="code.snapshot_missing", message=message)


def _check_inputs(workspace: Workspace, run: Run) -> Iterator[Blocker]:
    for each in run.inputs:
        if each.fingerprint is None:
            message = f"input {each.path} had changed before it could be recorded"
            yield Blocker(code="data.missing", message=message)
        elif not is_inside(each.path):
            yield from _check_external(workspace, each.path, each.fingerprint.digest)
    try:
        files = data_of_run(workspace, run)
    except MissingObjectError as error:
        yield Blocker(code="data.missing", message=error.message)
        return
    for path in missing_objects(workspace, files):
        yield Blocker(code="data.missing", message=f"the store has no content for {path}")
    needed = sum(file.content.size_bytes for file in files.values())
    free = shutil.disk_usage(workspace.layout.root).free
    if needed + _SPARE_BYTES > free:
        message = f"the inputs need {needed} bytes, and the disk has {free} left"
        yield Blocker(code="disk.space", message=message)


def _check_external(workspace: Workspace, path: RepoPath, digest: str) -> Iterator[Blocker]:
    try:
        found = fingerprint(real_path(workspace.root, path), HashOnly())
    except MlvError as error:
        yield Blocker(code="data.external_unreachable", message=error.message)
        return
    if found.digest != digest:
        message = f"input {path} outside the repository is not what it was"
        yield Blocker(code="data.hash_mismatch", message=message)


def _check_command(run: Run) -> Iterator[Blocker]:
    if any(REDACTED in word for word in run.command.argv):
        message = "a secret in the command line was not recorded"
        yield Blocker(code="secret.missing", message=message)
