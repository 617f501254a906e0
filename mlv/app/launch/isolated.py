"""Run a command in a worktree of its own: what `mlv run --isolated` does.

The code is that of the snapshot, so editing can go on meanwhile, and several runs can go
at once. What the command writes goes to the store, and the worktree goes away.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from mlv.app.code.submodules import restore_submodules
from mlv.app.launch.companions import bring_files, find_absent
from mlv.app.launch.relocation import relocate_request
from mlv.app.publish import Invocation
from mlv.app.record.begin import RunRequest, find_command, new_run_id
from mlv.app.record.clean import check_clean
from mlv.app.record.code import record_code, snapshot_ref
from mlv.app.record.run_command import run_command
from mlv.app.reporter import Reporter
from mlv.app.reproduce.sandbox import remove_sandbox, sandbox_directory
from mlv.app.runs import read_runs
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.ids import RunId
from mlv.core.run import Run
from mlv.errors import RecordingFailedError
from mlv.store.failures import storage_errors

Prepare = Callable[[Workspace, RunRequest], Run | None]
"""Is called when the worktree is ready; a run that it returns makes this one needless."""


def run_isolated(
    workspace: Workspace,
    request: RunRequest,
    invocation: Invocation,
    reporter: Reporter,
    prepare: Prepare,
) -> Run:
    """Run a command in a worktree of its own, and publish its record.

    Args:
        workspace: The worktree that the code is taken from; it stays as it is.
        request: What to run.
        invocation: Who asks.
        reporter: Is told what will be missing.
        prepare: What to do in the new worktree before the command runs.

    Returns:
        The record; or the run that makes this one needless.

    Raises:
        MlvError: As for `run_command`.
    """
    executable = request.executable or find_command(workspace, request.argv, request.directory)
    if request.require_clean:
        check_clean(workspace)
    run_id = new_run_id(time.time_ns())
    directory = sandbox_directory(workspace, run_id, secrets.token_hex(4))
    done: Run | None = None
    lost = False
    try:
        with workspace.objects.hold(), reporter.working("preparing a worktree for the run"):
            moved = _prepare_worktree(workspace, request, executable, run_id, directory, reporter)
            sandbox = workspace.at(directory)
            earlier = prepare(sandbox, moved)
        if earlier is not None:
            return earlier
        done = run_command(sandbox, moved, invocation, reporter)
    except RecordingFailedError:
        lost = True  # `mlv recover` needs what the command wrote
        raise
    finally:
        if not lost:
            remove_sandbox(workspace, directory)
            if done is None:
                workspace.git.delete_ref(snapshot_ref(run_id))
    return done


def _prepare_worktree(
    workspace: Workspace,
    request: RunRequest,
    executable: Path,
    run_id: RunId,
    directory: Path,
    reporter: Reporter,
) -> RunRequest:
    """Take the snapshot, check it out, and return the request that runs there."""
    earlier = read_runs(workspace).runs
    code = record_code(
        workspace,
        ref=snapshot_ref(run_id),
        earlier=earlier,
        reporter=reporter,
        allow_secrets=request.allow_secrets,
    )
    with storage_errors("prepare a worktree for the run"):
        directory.parent.mkdir(parents=True, exist_ok=True)
        workspace.git.add_worktree(directory, code.snapshot)
        restore_submodules(workspace, code, directory)
        bring_files(workspace, request, code, earlier, directory)
        moved = relocate_request(workspace, request, executable, directory)
        moved.directory.mkdir(parents=True, exist_ok=True)
    absent = find_absent(workspace, request, earlier, directory)
    if absent:
        reporter.note(
            f"Git ignores {enumerate_some(absent)}, so the isolated run does not find it there"
            " (name what it needs with `--input`)"
        )
    return msgspec.structs.replace(moved, id=run_id, code=code, require_clean=False)
