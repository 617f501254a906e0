"""Run a command and record it: what `mlv run` does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlv.app.live_run import End, LiveRun, save_end
from mlv.app.publish import Invocation
from mlv.app.record.begin import RunRequest, abandon_run, begin_run
from mlv.app.record.seal import publish_run, seal_run
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.capture.observe import observer_environment
from mlv.capture.process import execute
from mlv.capture.streams import Passthrough
from mlv.core.run import Run, Status
from mlv.errors import CommandNotExecutableError, MlvError, RecordingFailedError


def run_command(
    workspace: Workspace, request: RunRequest, invocation: Invocation, reporter: Reporter
) -> Run:
    """Run a command and publish its record, however the command ends.

    Raises:
        MlvError: Before the command ran: see `begin_run`.
        RecordingFailedError: After it ran; what it wrote is safe, and the run can be
            sealed with `mlv recover`.
    """
    with reporter.working("recording code and inputs"):
        live = begin_run(workspace, request, reporter)
    try:
        end = execute_live(workspace, request, live)
    except CommandNotExecutableError:
        abandon_run(workspace, live)
        raise
    try:
        save_end(live.directory, end)
        with workspace.objects.hold():
            with reporter.working("recording outputs"):
                run = seal_run(workspace, live, end)
            publish_run(workspace, live, run, invocation)
    except MlvError as error:
        message = f"the command ended, but its record was not sealed: {error.message}"
        hint = "its outputs are untouched; when that is mended, seal the record with `mlv recover`"
        raise RecordingFailedError(message, hint=hint) from error
    return run


def execute_live(
    workspace: Workspace,
    request: RunRequest,
    live: LiveRun,
    variables: Mapping[str, str] | None = None,
    passthrough: Passthrough | None = None,
) -> End:
    """Execute the command of a run that has begun; its output is passed through and kept.

    Args:
        workspace: Where it runs.
        request: What to execute.
        live: The run.
        variables: Environment variables to set beyond those of this process.
        passthrough: Where its output goes; our own output by default.
    """
    environment = {**os.environ, **(variables or {})}
    environment |= observer_environment(
        live.directory, workspace.root, environment, observe=request.observe
    )
    outcome = execute(
        request.argv,
        executable=Path(live.start.command.executable),
        cwd=request.directory,
        env=environment,
        live=live.directory,
        passthrough=passthrough,
    )
    status: Status = "finished" if outcome.exit_code == 0 else "failed"
    return End(
        status="killed" if outcome.signal else status,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        duration_s=outcome.duration_s,
    )
