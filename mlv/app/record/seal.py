"""Seal a run: take down what the command did, and publish the record."""

from __future__ import annotations

import shutil

from mlv.app.live_run import End, LiveRun
from mlv.app.publish import Invocation, publish
from mlv.app.record.console import store_console
from mlv.app.record.environment import complete_environment, describe_copies
from mlv.app.record.inputs import seal_inputs
from mlv.app.record.metrics import seal_metrics
from mlv.app.record.outputs import seal_outputs
from mlv.app.record.seen import see
from mlv.app.record.touched import began_ns
from mlv.app.workspace import Workspace
from mlv.capture.journal_reader import read_journal
from mlv.core.operation import PublishRun
from mlv.core.run import API, ParamSource, Run
from mlv.errors import RecordingFailedError


def seal_run(
    workspace: Workspace, live: LiveRun, end: End, *, problems: tuple[str, ...] = ()
) -> Run:
    """Return the record of a run that has ended; it is not published yet.

    Outputs are fingerprinted and stored, inputs are fingerprinted again. The caller
    holds the store until the record is published.

    Args:
        workspace: Where it ran.
        live: The run.
        end: How its command ended.
        problems: What went wrong before.

    Raises:
        StorageError: The disk is full, read-only or failing; the run can be sealed later.
    """
    with workspace.objects.transaction():
        return _seal(workspace, live, end, problems)


def _seal(workspace: Workspace, live: LiveRun, end: End, problems: tuple[str, ...]) -> Run:
    start = live.start
    seen = see(workspace, live)
    journal = read_journal(live.directory, since_ns=began_ns(start))
    inputs, input_problems = seal_inputs(workspace, start, seen)
    outputs, output_problems = seal_outputs(workspace, start, seen, journal.artifacts)
    metrics = seal_metrics(workspace, start, seen, journal)
    environment = complete_environment(workspace, start, seen)
    logged = (ParamSource(name=API, values=journal.params),) if journal.params else ()
    return Run(
        id=start.id,
        name=journal.name or start.name,
        kind=start.kind,
        status=end.status,
        exit_code=end.exit_code,
        signal=end.signal,
        started_at=start.started_at,
        duration_s=round(end.duration_s, 6),
        user=start.user,
        host=start.host,
        command=start.command,
        code=start.code,
        environment=environment,
        observed=start.observed and bool(seen.processes),
        inputs=inputs,
        outputs=outputs,
        params=(*start.params, *logged),
        metrics=metrics.metrics,
        metric_policies=start.metric_policies,
        series=metrics.series,
        series_file=metrics.series_file,
        console=store_console(workspace, live.directory),
        tags=tuple(dict.fromkeys((*start.tags, *journal.tags))),
        note=journal.note or start.note,
        problems=(
            *problems,
            *describe_copies(workspace, environment),
            *seen.problems,
            *input_problems,
            *output_problems,
            *metrics.problems,
            *journal.problems,
        ),
    )


def publish_run(workspace: Workspace, live: LiveRun, run: Run, invocation: Invocation) -> None:
    """Store the record, publish it, and drop the live run.

    Raises:
        RecordingFailedError: The record holds something that cannot be written.
        StorageError: The disk is full, read-only or failing; the run can be sealed later.
    """
    with workspace.objects.transaction() as objects:
        try:
            record = objects.add_record(run)
        except ValueError as error:
            message = f"the record of run {run.name!r} cannot be written: {error}"
            hint = f"this is a bug in mlv: report it with what is in {live.directory}"
            raise RecordingFailedError(message, hint=hint) from error
    publish(workspace, invocation, PublishRun(run=run.id, record=record))
    shutil.rmtree(live.directory)
