"""Follow a run while it goes on: what it prints, and its newest metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import msgspec

from mlv.app.live_run import is_unsealed
from mlv.app.look.showing import STREAMS, read_sealed_console
from mlv.app.look.unsealed import FoundRun, LiveDirectory, find_any_run
from mlv.app.record.resumption import SYSTEM_PREFIX
from mlv.app.runs import is_going_on, read_runs
from mlv.app.workspace import Workspace
from mlv.capture.execution.live_log import read_finished_log, read_live_log
from mlv.capture.journal.tail import JournalTail, NewestPoint
from mlv.core.run import Run
from mlv.errors import NoSuchRunError

_INTERVAL_S = 0.2
_FIRST_LINES = 20
"""How many lines of what was printed before are shown at first."""


class Glimpse(msgspec.Struct, frozen=True, kw_only=True):
    """What is new of a run since the last look.

    Attributes:
        name: What the run is called.
        status: `running`; at the end that of the record, or `lost`.
        duration_s: For how long it has been going on.
        printed: What it printed since the last look, by stream.
        newest: The newest point of each series.
        run: The record, at the end; None when there is none.
    """

    name: str
    status: str
    duration_s: float
    printed: Mapping[str, bytes]
    newest: Mapping[str, NewestPoint]
    run: Run | None = None


def follow_run(workspace: Workspace, reference: str) -> Iterator[Glimpse]:
    """Yield what is new of a run, several times a second, until it has ended.

    The first glimpse has the last lines that were printed before, each later one what
    came since. A run that has ended already gives one glimpse.

    Raises:
        NoSuchRunError, AmbiguousRunError: Of the reference; or the command never started.
        MissingObjectError, CorruptDataError: What it printed is gone or damaged.
    """
    found = find_any_run(workspace, reference)
    if found.live is None:
        yield _see_end(workspace, found.run, dict.fromkeys(STREAMS, 0), {})
        return
    yield from _follow(workspace, found, found.live)


def _follow(workspace: Workspace, found: FoundRun, live: LiveDirectory) -> Iterator[Glimpse]:
    offsets = dict.fromkeys(STREAMS, 0)
    tail = JournalTail(live.path)
    directory = workspace.layout.live / live.start.id
    while True:
        # First: what was written before the end is there to be read after it.
        going_on = is_unsealed(directory) and is_going_on(directory, live.start)
        printed = {} if live.nested else _read_logs(live, offsets)
        tail.read()
        if not going_on:
            break
        yield Glimpse(
            name=found.run.name,
            status="running",
            duration_s=time.time() - found.run.started_at.timestamp(),
            printed=printed,
            newest=_results(tail),
        )
        time.sleep(_INTERVAL_S)
    yield Glimpse(
        name=found.run.name,
        status="running" if not is_unsealed(directory) else "lost",
        duration_s=time.time() - found.run.started_at.timestamp(),
        printed=printed,
        newest=_results(tail),
    )
    if not is_unsealed(directory):
        run = next((run for run in read_runs(workspace).runs if run.id == live.id), None)
        if run is None:
            message = f"run {found.run.name!r} has no record: its command did not start"
            raise NoSuchRunError(message, hint="list runs with `mlv log`")
        yield _see_end(workspace, run, offsets, _results(tail))


def _read_logs(live: LiveDirectory, offsets: dict[str, int]) -> dict[str, bytes]:
    parts = {name: read_live_log(live.path / f"{name}.log", offsets[name]) for name in STREAMS}
    printed = {
        name: part.data if offsets[name] else _last_lines(part.data) for name, part in parts.items()
    }
    offsets |= {name: part.end for name, part in parts.items()}
    return printed


def _last_lines(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[-_FIRST_LINES:])


def _results(tail: JournalTail) -> dict[str, NewestPoint]:
    return {n: p for n, p in tail.newest.items() if not n.startswith(SYSTEM_PREFIX)}


def _see_end(
    workspace: Workspace, run: Run, offsets: Mapping[str, int], newest: Mapping[str, NewestPoint]
) -> Glimpse:
    console = read_sealed_console(workspace, run)
    parts = {name: read_finished_log(data, offsets[name]).data for name, data in console.items()}
    return Glimpse(
        name=run.name,
        status=run.status,
        duration_s=run.duration_s,
        printed={
            name: data if offsets[name] else _last_lines(data) for name, data in parts.items()
        },
        newest=newest,
        run=run,
    )
