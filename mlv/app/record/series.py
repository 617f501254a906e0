"""The series of a sealed run, wherever the record keeps them."""

from __future__ import annotations

from datetime import datetime, timezone

from mlv.app.workspace import Workspace
from mlv.capture.journal.points import Points, as_lists
from mlv.capture.journal.series_file import SeriesContent, decode_series
from mlv.core.run import Run, Series
from mlv.core.scalars import number_of, scalar_of

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def load_series(workspace: Workspace, run: Run) -> SeriesContent:
    """Return every series of a run, with what it went back behind.

    Raises:
        MissingObjectError, CorruptDataError: The object of long series is gone or damaged.
    """
    began_us = microseconds_of(run.started_at)
    if run.series_file is not None:
        return decode_series(workspace.objects.read(run.series_file), began_us=began_us)
    return SeriesContent(
        series={name: _points(series, began_us) for name, series in run.series.items()}
    )


def read_series(workspace: Workspace, run: Run) -> dict[str, Series]:
    """Return every series of a run as a record holds short ones.

    Raises:
        MissingObjectError, CorruptDataError: The object of long series is gone or damaged.
    """
    if run.series_file is None:
        return run.series
    began_us = microseconds_of(run.started_at)
    loaded = load_series(workspace, run).series
    return {name: inline_series(points, began_us) for name, points in loaded.items()}


def inline_series(points: Points, began_us: int) -> Series:
    """Return a series as a record holds it.

    Args:
        points: The points.
        began_us: When the run began, microseconds since 1970.
    """
    lists = as_lists(points)
    return Series(
        steps=tuple(lists.steps),
        values=tuple(scalar_of(value) for value in lists.values),
        times_s=tuple((time_us - began_us) / 1e6 for time_us in lists.times_us),
    )


def microseconds_of(moment: datetime) -> int:
    """Return a moment in microseconds since 1970, exactly."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _points(series: Series, began_us: int) -> Points:
    return Points(
        steps=list(series.steps),
        values=[number_of(value) for value in series.values],
        times_us=[began_us + round(time_s * 1e6) for time_s in series.times_s],
    )
