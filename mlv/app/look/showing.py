"""Show one run in full, sealed or not."""

from __future__ import annotations

import msgspec

from mlv.app.look.unsealed import FoundRun, find_any_run
from mlv.app.workspace import Workspace
from mlv.capture.execution.live_log import read_live_log
from mlv.core.environment import Environment
from mlv.core.ids import shorten_ids
from mlv.core.run import Content, Run

STREAMS = ("stdout", "stderr")


class ShownRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what belongs to it.

    Attributes:
        run: Its record; or what its record would say now.
        short_id: The shortest unique prefix of its id.
        status: That of the record; `running` or `lost` where there is none yet.
        environment: None where it is not known.
    """

    run: Run
    short_id: str
    status: str
    environment: Environment | None


def show_run(workspace: Workspace, reference: str) -> ShownRun:
    """Return a run and its environment.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        CorruptDataError: The record is damaged.
    """
    found = find_any_run(workspace, reference)
    return ShownRun(
        run=found.run,
        short_id=shorten_ids(found.known)[found.run.id],
        status=found.status,
        environment=_surroundings(found) or read_environment(workspace, found.run.environment),
    )


def _surroundings(found: FoundRun) -> Environment | None:
    return None if found.live is None else found.live.start.surroundings


def read_environment(workspace: Workspace, content: Content | None) -> Environment | None:
    """Return an environment record, None where there is none."""
    return None if content is None else workspace.objects.read_record(content, Environment)


def read_console(workspace: Workspace, reference: str) -> dict[str, bytes]:
    """Return what the command of a run printed so far, by stream.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference.
        MissingObjectError, CorruptDataError: What it printed is gone or damaged.
    """
    found = find_any_run(workspace, reference)
    if found.live is None:
        return read_sealed_console(workspace, found.run)
    return _read_live_console(found)


def read_sealed_console(workspace: Workspace, run: Run) -> dict[str, bytes]:
    """Return what the command of a sealed run printed, by stream.

    Raises:
        MissingObjectError, CorruptDataError: It is gone or damaged.
    """
    return {name: workspace.objects.read(each) for name, each in sorted(run.console.items())}


def _read_live_console(found: FoundRun) -> dict[str, bytes]:
    if found.live is None or found.live.nested:
        return {}
    console = {}
    for name in STREAMS:
        part = read_live_log(found.live.path / f"{name}.log", 0)
        if part.data:
            console[name] = part.data
    return console
