"""Find everything that would stop a reproduction, before anything is done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from mlv.app.code.restoring import ensure_snapshot
from mlv.app.code.submodules import describe_lost, find_lost_submodules
from mlv.app.record.begin import find_program
from mlv.app.record.left_out import LeavingOut
from mlv.app.record.partial import lists_some, pick_listed
from mlv.app.record.url_inputs import fingerprint_url
from mlv.app.restore.target import data_of_run, missing_objects
from mlv.app.workspace import Workspace
from mlv.core.run import Input, Run
from mlv.core.secret_shapes import REDACTED
from mlv.core.tree import Fingerprint
from mlv.errors import CorruptDataError, GitError, MissingObjectError, MlvError
from mlv.worktree.fingerprint import HashCached, fingerprint_picked
from mlv.worktree.paths import is_inside, is_url, os_path, real_path, repo_path

BlockerCode = Literal[
    "code.snapshot_missing",
    "code.submodule_missing",
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
    try:
        ensure_snapshot(workspace, run.code)
    except (GitError, MissingObjectError, CorruptDataError) as error:
        yield Blocker(code="code.snapshot_missing", message=_with_hint(error))
    for each in find_lost_submodules(workspace, run.code):
        yield Blocker(code="code.submodule_missing", message=describe_lost(each))


def _with_hint(error: MlvError) -> str:
    return error.message if error.hint is None else f"{error.message} ({error.hint})"


def _check_inputs(workspace: Workspace, run: Run) -> Iterator[Blocker]:
    for each in run.inputs:
        if each.fingerprint is None:
            message = f"input {each.path} had changed before it could be recorded"
            yield Blocker(code="data.missing", message=message)
        elif not is_inside(each.path):
            yield from _check_external(workspace, each, each.fingerprint)
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


def _check_external(
    workspace: Workspace, recorded: Input, before: Fingerprint
) -> Iterator[Blocker]:
    """Yield what is wrong with an input that is not put in place, but has to be there."""
    path = recorded.path
    kept = ": the store has what it was" if recorded.stored else ""
    if REDACTED in path:
        message = f"the credentials of input {path} were not recorded"
        yield Blocker(code="secret.missing", message=message)
        return
    try:
        found = _look_outside(workspace, recorded, before)
    except MlvError as error:
        yield Blocker(code="data.external_unreachable", message=f"{error.message}{kept}")
        return
    if found.digest != before.digest:
        message = f"input {path} outside the repository is not what it was{kept}"
        yield Blocker(code="data.hash_mismatch", message=message)


def _look_outside(workspace: Workspace, recorded: Input, before: Fingerprint) -> Fingerprint:
    if is_url(recorded.path):
        return fingerprint_url(recorded.path)
    with workspace.objects.looking() as objects:
        sink = HashCached(objects)
        if lists_some(recorded):
            place = real_path(workspace.root, recorded.path)
            return fingerprint_picked(place, pick_listed(workspace.objects, before), sink)
        return LeavingOut(workspace).declare(recorded.path).fingerprint(sink)


def _check_command(run: Run) -> Iterator[Blocker]:
    if any(REDACTED in word for word in run.command.argv):
        message = "a secret in the command line was not recorded"
        yield Blocker(code="secret.missing", message=message)
