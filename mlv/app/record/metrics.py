"""The metrics of a run, from files that it wrote and from the live journal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping

import msgspec

from mlv.app.live_run import KnownFile, RunStart
from mlv.app.record.seen import Seen
from mlv.app.workspace import Workspace
from mlv.capture.journal_reader import Journal, Points
from mlv.capture.metrics_file import read_metrics_file
from mlv.capture.series_file import encode_series
from mlv.core.run import Content, Metric, Series
from mlv.core.scalars import scalar_of
from mlv.errors import UnreadableFileError
from mlv.worktree.paths import os_path
from mlv.worktree.signature import read_signature

API = "api"
"""Source of metrics and params that came through the Python API."""

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
        metrics |= {
            name: Metric(value=scalar_of(value), source=known.path)
            for name, value in found.values.items()
        }
        points |= found.series
        metrics |= {name: _summarize(each, known.path) for name, each in found.series.items()}
    points |= journal.series
    metrics |= {name: _summarize(each, API) for name, each in journal.series.items()}
    metrics |= {
        name: Metric(value=scalar_of(value), source=API) for name, value in journal.summary.items()
    }
    series, series_file = _store_series(workspace, points)
    return SealedMetrics(
        metrics=dict(sorted(metrics.items())),
        series=series,
        series_file=series_file,
        problems=tuple(problems),
    )


def _was_written(workspace: Workspace, known: KnownFile, seen: Seen) -> bool:
    place = os_path(workspace.root, known.path)
    if not place.is_file():
        return False
    now = read_signature(place, now_ns=time.time_ns())
    return known.path in seen.writes or now.value != known.signature.value


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
    if _count(points.values()) <= _INLINE_POINTS:
        return {name: _inline(each) for name, each in sorted(points.items())}, None
    with workspace.objects.transaction() as objects:
        return {}, objects.add_bytes(encode_series(points))


def _count(series: Iterable[Points]) -> int:
    return sum(len(points.steps) for points in series)


def _inline(points: Points) -> Series:
    return Series(
        steps=tuple(points.steps),
        values=tuple(scalar_of(value) for value in points.values),
        times_s=tuple(points.times_s),
    )
