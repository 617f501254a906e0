"""The metrics of a run, from files that it wrote and from the live journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mlv.app.live_run import KnownFile, RunStart
from mlv.app.record.resumption import SYSTEM_PREFIX, GoneOn, go_on
from mlv.app.record.seen import Seen, has_changed
from mlv.app.record.series import inline_series, microseconds_of
from mlv.app.record.touched import began_ns
from mlv.app.workspace import Workspace
from mlv.capture.journal.points import Points
from mlv.capture.journal.reader import Journal
from mlv.capture.journal.series_file import SeriesContent, encode_series
from mlv.capture.journal.summary import summarize
from mlv.capture.metrics.metrics_file import read_metrics_file
from mlv.core.ids import RunId
from mlv.core.run import API, Content, Metric, Series
from mlv.core.scalars import scalar_of
from mlv.errors import UnreadableFileError
from mlv.worktree.paths import os_path

_INLINE_POINTS = 1_000
"""Series of a run that have no more points than this together stay in the record."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics from one place.

    Attributes:
        source: Path of a file or directory, or `api`.
        values: Those that have one value and no steps.
        series: Those over steps.
        hidden: Points that a writer went back behind.
    """

    source: str
    values: Mapping[str, float] = {}
    series: Mapping[str, Points] = {}
    hidden: Mapping[str, Points] = {}


class GatheredMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of all places together.

    Attributes:
        metrics: The results.
        system: Use of the machine.
        series: All points.
        resumed: The run that this one goes on from.
        problems: What is missing.
    """

    metrics: dict[str, Metric]
    system: dict[str, Metric]
    series: SeriesContent
    resumed: RunId | None
    problems: tuple[str, ...]


class SealedMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a record says of metrics; the fields are those of a run record."""

    metrics: dict[str, Metric]
    system: dict[str, Metric]
    series: dict[str, Series]
    series_file: Content | None
    resumed: RunId | None
    problems: tuple[str, ...]


def seal_metrics(
    workspace: Workspace, start: RunStart, seen: Seen, journal: Journal
) -> SealedMetrics:
    """Return the metrics of a run; those of the API hide those of files with the same name.

    A metrics file that the command did not write holds the metrics of another
    run: it is not read, and when the person named it, that is a problem.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    events, problems = read_events(start)
    found = [*_read_files(workspace, start, seen, problems), *events]
    sealed = seal_found(workspace, found, journal, began_us=microseconds_of(start.started_at))
    return msgspec.structs.replace(sealed, problems=(*problems, *sealed.problems))


def seal_found(
    workspace: Workspace, found: Sequence[Found], journal: Journal, *, began_us: int
) -> SealedMetrics:
    """Return what a record says of metrics; long series are stored.

    Args:
        workspace: Where.
        found: Metrics of files.
        journal: What was logged.
        began_us: When the run began, microseconds since 1970.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    gathered = gather_metrics(workspace, found, journal)
    series, series_file = _store_series(workspace, gathered.series, began_us)
    return SealedMetrics(
        metrics=gathered.metrics,
        system=gathered.system,
        series=series,
        series_file=series_file,
        resumed=gathered.resumed,
        problems=gathered.problems,
    )


def gather_metrics(
    workspace: Workspace, found: Sequence[Found], journal: Journal
) -> GatheredMetrics:
    """Put metrics of several places together, and those of an earlier run before them.

    Args:
        workspace: Where the earlier run is recorded.
        found: Metrics of files; later ones hide earlier ones of the same name.
        journal: What was logged; it hides all others.
    """
    places = (*found, Found(source=API, values=journal.summary, series=journal.series))
    own = {name: points for place in places for name, points in place.series.items()}
    whole = go_on(workspace, journal.resumption, own)
    metrics = sorted(_summarize(places, whole).items())
    hidden = {name: points for place in found for name, points in place.hidden.items()}
    return GatheredMetrics(
        metrics={name: each for name, each in metrics if not name.startswith(SYSTEM_PREFIX)},
        system={name: each for name, each in metrics if name.startswith(SYSTEM_PREFIX)},
        series=SeriesContent(series=whole.series, hidden={**hidden, **journal.hidden}),
        resumed=whole.run,
        problems=whole.problems,
    )


def read_events(start: RunStart) -> tuple[list[Found], list[str]]:
    """Return the TensorBoard scalars that a run logged so far, and what is wrong with them.

    Raises:
        StorageError: An event file cannot be read.
    """
    found: list[Found] = []
    problems: list[str] = []
    for directory in start.tensorboard:
        from mlv.capture.metrics.tensorboard import read_event_files

        events = read_event_files(os_path(Path(start.root), directory), since_ns=began_ns(start))
        problems += [f"TensorBoard events in {directory}: {each}" for each in events.problems]
        if not events.series:
            problems.append(f"the command logged no TensorBoard scalars in {directory}")
        found.append(Found(source=directory, series=events.series, hidden=events.hidden))
    return found, problems


def _read_files(
    workspace: Workspace, start: RunStart, seen: Seen, problems: list[str]
) -> Iterator[Found]:
    for known in start.metrics_files:
        if not _was_written(workspace, known, seen):
            if start.metrics_declared:
                problems.append(f"metrics file {known.path} was not written by the command")
            continue
        try:
            each = read_metrics_file(os_path(workspace.root, known.path), known.path)
        except UnreadableFileError as error:
            problems.append(error.message)
            continue
        values = {name: each.values[name] for name in each.values.keys() - each.series.keys()}
        yield Found(source=known.path, values=values, series=each.series)


def _was_written(workspace: Workspace, known: KnownFile, seen: Seen) -> bool:
    if not os_path(workspace.root, known.path).is_file():
        return False
    return known.path in seen.writes or has_changed(workspace, known)


def _summarize(places: Sequence[Found], whole: GoneOn) -> dict[str, Metric]:
    """Return all metrics; of two with the same name, the one of the later place counts."""
    sources = dict(whole.sources)
    values: dict[str, Metric] = {}
    for place in places:
        for name in place.series:
            sources[name] = place.source
            values.pop(name, None)
        for name, value in place.values.items():
            values[name] = Metric(value=scalar_of(value), source=place.source)
    series = {name: summarize(points, sources[name]) for name, points in whole.series.items()}
    return series | values


def _store_series(
    workspace: Workspace, content: SeriesContent, began_us: int
) -> tuple[dict[str, Series], Content | None]:
    """Return series for the record itself, or the object of a file with them.

    Only a file can hold what a run went back behind.
    """
    if sum(map(len, content.series.values())) <= _INLINE_POINTS and not content.hidden:
        inline = {name: inline_series(each, began_us) for name, each in content.series.items()}
        return dict(sorted(inline.items())), None
    with workspace.objects.transaction() as objects:
        return {}, objects.add_bytes(encode_series(content))
