"""Show one run in full."""

from __future__ import annotations

import msgspec

from mlv.app.runs import find_run, read_runs
from mlv.app.workspace import Workspace
from mlv.core.environment import Environment
from mlv.core.ids import shorten_ids
from mlv.core.run import Content, Run


class ShownRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what belongs to it."""

    run: Run
    short_id: str
    environment: Environment | None


def show_run(workspace: Workspace, reference: str) -> ShownRun:
    """Return a run and its environment.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        CorruptDataError: The record is damaged.
    """
    known = read_runs(workspace)
    run = find_run(workspace, reference, among=known)
    short = shorten_ids(each.id for each in known.runs)
    environment = read_environment(workspace, run.environment)
    return ShownRun(run=run, short_id=short.get(run.id, run.id), environment=environment)


def read_environment(workspace: Workspace, content: Content | None) -> Environment | None:
    """Return an environment record, None where there is none."""
    return None if content is None else workspace.objects.read_record(content, Environment)


def read_console(workspace: Workspace, reference: str) -> dict[str, bytes]:
    """Return what the command of a run printed, by stream.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        MissingObjectError, CorruptDataError: What it printed is gone or damaged.
    """
    console = find_run(workspace, reference).console
    return {name: workspace.objects.read(content) for name, content in sorted(console.items())}
