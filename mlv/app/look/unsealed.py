"""Find runs whether or not they are sealed, and describe those that are not."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from mlv.app.live_run import RunStart
from mlv.app.record.logged_secrets import redact_journal
from mlv.app.record.metrics import gather_metrics, read_events
from mlv.app.runs import KnownRuns, find_run, load_unsealed, read_runs
from mlv.app.workspace import Workspace
from mlv.capture.execution.heartbeat import find_last_beat_ns
from mlv.capture.execution.run_directory import NESTED
from mlv.capture.journal.reader import Journal, read_journal, read_journal_events
from mlv.capture.journal.series_file import SeriesContent
from mlv.core.ids import RunId
from mlv.core.run import API, Input, ParamSource, Run, Status


class LiveDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of a run that has no record yet, or of one nested in such a run.

    Attributes:
        id: Of the run.
        path: The directory.
        start: What was known when the command started.
        alive: Whether that goes on.
        nested: Whether the run is nested in the one that `start` describes.
    """

    id: RunId
    path: Path
    start: RunStart
    alive: bool
    nested: bool = False


class FoundRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a reference means, sealed or not.

    Attributes:
        run: Its record; or what its record would say now.
        status: That of the record; `running` or `lost` where there is none yet.
        known: Ids of all runs, this one included.
        live: Its directory, while it has no record.
        series: Its series, while it has no record.
    """

    run: Run
    status: str
    known: tuple[RunId, ...]
    live: LiveDirectory | None = None
    series: SeriesContent | None = None


def find_any_run(workspace: Workspace, reference: str) -> FoundRun:
    """Return the run that a reference means; `last` is the newest that has begun.

    Raises:
        NoSuchRunError: None does.
        AmbiguousRunError: Several do.
        CorruptDataError: Its record is damaged.
        StorageError: What it logged so far cannot be read.
    """
    # First: one that ends now must not be missed.
    lives = {live.id: live for live in list_live_runs(workspace)}
    sealed = read_runs(workspace)
    for run in sealed.runs:
        lives.pop(run.id, None)
    begun = [
        _describe(live, _redacted(live, read_journal_events(live.path))) for live in lives.values()
    ]
    runs = tuple(sorted((*sealed.runs, *begun), key=lambda run: run.id))
    known = tuple(run.id for run in runs)
    among = KnownRuns(runs=runs, damaged=sealed.damaged)
    run = find_run(workspace, reference, among=among)
    live = lives.get(run.id)
    if live is None:
        return FoundRun(run=run, status=run.status, known=known)
    return _look_into(workspace, live, known)


def list_live_runs(workspace: Workspace) -> Iterator[LiveDirectory]:
    """Yield the runs that have no record yet, and those nested in them, oldest first."""
    for unsealed in load_unsealed(workspace):
        start = unsealed.start
        path = workspace.layout.live / start.id
        yield LiveDirectory(id=start.id, path=path, start=start, alive=unsealed.alive)
        for child in sorted(path.glob(f"{NESTED}/*")):
            yield LiveDirectory(
                id=RunId(child.name), path=child, start=start, alive=unsealed.alive, nested=True
            )


def look_into_all(
    workspace: Workspace, lives: Collection[LiveDirectory], sealed: Iterable[RunId]
) -> Iterator[FoundRun]:
    """Yield what the records of runs would say now; one that is being sealed logged nothing.

    Args:
        workspace: Where.
        lives: Directories of the runs.
        sealed: Ids of all other runs.

    Raises:
        StorageError: What a run logged so far cannot be read.
    """
    known = (*sealed, *(live.id for live in lives))
    for live in lives:
        try:
            yield _look_into(workspace, live, known)
        except FileNotFoundError:  # its record comes to be right now
            status = "running" if live.alive else "lost"
            yield FoundRun(run=_describe(live, Journal()), status=status, known=known, live=live)


def _redacted(live: LiveDirectory, journal: Journal) -> Journal:
    return redact_journal(journal, live.start.allowed_secrets)


def _look_into(workspace: Workspace, live: LiveDirectory, known: tuple[RunId, ...]) -> FoundRun:
    journal = _redacted(live, read_journal(live.path))
    events, problems = ([], []) if live.nested else read_events(live.start)
    gathered = gather_metrics(workspace, events, journal)
    run = msgspec.structs.replace(
        _describe(live, journal),
        metrics=gathered.metrics,
        system=gathered.system,
        resumed=gathered.resumed,
        problems=(*problems, *gathered.problems, *journal.problems),
    )
    going_on = live.alive and not (journal.nested and journal.nested.ended_ns)
    return FoundRun(
        run=run,
        status="running" if going_on else run.status,
        known=known,
        live=live,
        series=gathered.series,
    )


def _describe(live: LiveDirectory, journal: Journal) -> Run:
    """Return what is known of a run without its metrics."""
    start, nested = live.start, journal.nested
    logged = (ParamSource(name=API, values=journal.params),) if journal.params else ()
    began = start.started_at
    ended_ns = time.time_ns() if live.alive else find_last_beat_ns(live.path)
    if live.nested and nested is not None:
        began = datetime.fromtimestamp(nested.begun_ns / 1e9, tz=timezone.utc)
        ended_ns = nested.ended_ns or ended_ns
    given = None if nested is None else nested.name
    duration_s = 0.0 if ended_ns is None else ended_ns / 1e9 - began.timestamp()
    ended: Status = "failed" if nested is not None and nested.failed else "finished"
    return Run(
        id=live.id,
        name=journal.name or given or (live.id if live.nested else start.name),
        kind=start.kind,
        parent=_parent(live, journal),
        status=ended if nested is not None and nested.ended_ns else "lost",
        started_at=began,
        duration_s=max(0.0, round(duration_s, 6)),
        user=start.user,
        host=start.host,
        command=start.command,
        code=start.code,
        observed=start.observed,
        inputs=tuple(
            Input(
                path=each.path,
                source=each.source,
                fingerprint=each.fingerprint,
                stored=each.stored,
                partial=each.partial,
            )
            for each in start.inputs
        ),
        params=logged if live.nested else (*start.params, *logged),
        metric_policies=start.metric_policies,
        tags=tuple(dict.fromkeys((*(() if live.nested else start.tags), *journal.tags))),
        note=journal.note or ("" if live.nested else start.note),
    )


def _parent(live: LiveDirectory, journal: Journal) -> RunId | None:
    if not live.nested:
        return None
    named = None if journal.nested is None else journal.nested.parent
    return live.start.id if named is None else RunId(named)
