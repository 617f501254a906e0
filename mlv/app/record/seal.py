"""Seal a run: take down what the command did, and publish the record."""

from __future__ import annotations

import shutil

import msgspec

from mlv.app.live_run import End, LiveRun, RunStart
from mlv.app.publish import Invocation, publish
from mlv.app.record.attachments import seal_attachments
from mlv.app.record.company import note_end
from mlv.app.record.console import store_console
from mlv.app.record.environment import complete_environment
from mlv.app.record.inputs import seal_inputs
from mlv.app.record.listed import describe_listed
from mlv.app.record.logged_secrets import redact_journal
from mlv.app.record.metrics import seal_metrics
from mlv.app.record.nested import logged_params, seal_nested
from mlv.app.record.outputs import seal_outputs
from mlv.app.record.seen import see
from mlv.app.record.touched import began_ns
from mlv.app.record.used_code import find_used
from mlv.app.workspace import Workspace
from mlv.capture.journal.reader import Journal, read_journal
from mlv.core.operation import PublishRun
from mlv.core.run import Content, Run
from mlv.core.state import reduce_operations
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
        return _seal(workspace, live, end, (*problems, *end.problems))


def _seal(workspace: Workspace, live: LiveRun, end: End, problems: tuple[str, ...]) -> Run:
    start = live.start
    seen = see(workspace, live)
    journal = redact_journal(read_journal(live.directory), start.allowed_secrets)
    inputs, input_problems = seal_inputs(workspace, live, seen)
    outputs, output_problems = seal_outputs(workspace, start, seen, journal.artifacts)
    metrics = seal_metrics(workspace, start, seen, journal)
    environment = complete_environment(workspace, start, seen)
    console = store_console(workspace, live.directory, start.allowed_secrets)
    attached = seal_attachments(workspace, live.directory, start.allowed_secrets)
    return msgspec.structs.replace(
        _describe(start, end, journal),
        code=msgspec.structs.replace(start.code, used=find_used(workspace, start, seen)),
        environment=environment.content,
        determinism=dict(sorted(seen.determinism.items())),
        observed=start.observed and bool(seen.processes),
        listed=describe_listed(workspace, seen.listed, outputs, began_ns(start)),
        helpers=seen.helpers,
        native_readers=seen.native_readers,
        inputs=inputs,
        outputs=outputs,
        metrics=metrics.metrics,
        series=metrics.series,
        series_file=metrics.series_file,
        system=metrics.system,
        resumed=metrics.resumed,
        attachments=attached.attachments,
        console=console.streams,
        problems=(
            *problems,
            *(text for part in (console, environment, seen) for text in part.problems),
            *input_problems,
            *output_problems,
            *(text for part in (metrics, attached, journal) for text in part.problems),
        ),
    )


def _describe(start: RunStart, end: End, journal: Journal) -> Run:
    """Return what a record says of a run besides what the command used and made."""
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
        params=(*start.params, *logged_params(journal)),
        metric_policies=start.metric_policies,
        tags=tuple(dict.fromkeys((*start.tags, *journal.tags))),
        note=journal.note or start.note,
    )


def publish_run(workspace: Workspace, live: LiveRun, run: Run, invocation: Invocation) -> None:
    """Store the record, publish it, and drop the live run.

    Runs nested in it are sealed and published first: a run that is published is complete.

    Raises:
        RecordingFailedError: The record holds something that cannot be written.
        StorageError: The disk is full, read-only or failing; the run can be sealed later.
    """
    with workspace.objects.transaction():
        runs = (*seal_nested(workspace, live, run), run)
        records = {each.id: _add_record(workspace, live, each) for each in runs}
    published = reduce_operations(workspace.operations.read()).runs if len(runs) > 1 else {}
    for run_id, record in records.items():
        if published.get(run_id) != record:  # else it was, before a crash
            publish(workspace, invocation, PublishRun(run=run_id, record=record))
    note_end(workspace, live.start, run.duration_s)
    # What a process that the command left behind still writes there belongs to no run.
    shutil.rmtree(live.directory, ignore_errors=True)


def _add_record(workspace: Workspace, live: LiveRun, run: Run) -> Content:
    with workspace.objects.transaction() as objects:
        try:
            return objects.add_record(run)
        except ValueError as error:
            message = f"the record of run {run.name!r} cannot be written: {error}"
            hint = f"this is a bug in mlv: report it with what is in {live.directory}"
            raise RecordingFailedError(message, hint=hint) from error
