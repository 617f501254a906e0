"""The metrics of a run, from files that it wrote and from the live journal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from mlv.app.live_run import KnownFile, RunStart
from mlv.app.record.seen import Seen, has_changed
from mlv.app.workspace import Workspace
from mlv.capture.journal_reader import Journal, Points
from mlv.capture.metrics_file import read_metrics_file
from mlv.capture.series_file import encode_series
from mlv.core.run import API, Content, Metric, Series
from mlv.core.scalars import scalar_of
from mlv.errors import UnreadableFileError
from mlv.worktree.paths import os_path

_INLINE_POINTS = 1_000
"""Series of a run that have no more points than this together stay in the record."""


class SealedMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a record says of metrics."""

    metrics: dict[str, Metric]
    series: dict[str, Series]
    series_file: Content | None
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
    metrics: dict[str, Metric] = {}
    points: dict[str, Points] = {}
    problems: list[str] = []
    for known in start.metrics_files:
        if not _was_written(workspace, known, seen):
            if start.metrics_declared:
                problems.append(f"metrics file {known.path} was not written by the command")
            continue
        try:
            found = read_metrics_file(os_path(workspace.root, known.path), known.path)
        except UnreadableFileError as error:
            problems.append(error.message)
            continue
        metrics |= _from_values(found.values, known.path) | _from_series(found.series, known.path)
        points |= found.series
    metrics |= _from_series(journal.series, API) | _from_values(journal.summary, API)
    points |= journal.series
    series, series_file = _store_series(workspace, points)
    return SealedMetrics(
        metrics=dict(sorted(metrics.items())),
        series=series,
        series_file=series_file,
        problems=tuple(problems),
    )


def _was_written(workspace: Workspace, known: KnownFile, seen: Seen) -> bool:
    if not os_path(workspace.root, known.path).is_file():
        return False
    return known.path in seen.writes or has_changed(workspace, known)


def _from_values(values: Mapping[str, float], source: str) -> dict[str, Metric]:
    return {name: Metric(value=scalar_of(value), source=source) for name, value in values.items()}


def _from_series(series: Mapping[str, Points], source: str) -> dict[str, Metric]:
    return {name: _summarize(points, source) for name, points in series.items()}


def _summarize(points: Points, source: str) -> Metric:
    values = points.values
    if len(values) == 1:
        return Metric(value=scalar_of(values[-1]), source=source, step=points.steps[-1])
    finite = [value for value in values if not math.isnan(value)] or list(values)
    return Metric(
        value=scalar_of(values[-1]),
        source=source,
        n_values=len(values),
        step=points.steps[-1],
        first=scalar_of(values[0]),
        lowest=scalar_of(min(finite)),
        highest=scalar_of(max(finite)),
    )


def _store_series(
    workspace: Workspace, points: Mapping[str, Points]
) -> tuple[dict[str, Series], Content | None]:
    if sum(len(each.steps) for each in points.values()) <= _INLINE_POINTS:
        return {name: _inline(each) for name, each in sorted(points.items())}, None
    with workspace.objects.transaction() as objects:
        return {}, objects.add_bytes(encode_series(points))


def _inline(points: Points) -> Series:
    return Series(
        steps=tuple(points.steps),
        values=tuple(scalar_of(value) for value in points.values),
        times_s=tuple(points.times_s),
    )
