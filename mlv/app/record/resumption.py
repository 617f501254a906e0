"""A run that goes on from an earlier one begins with the points of that run."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlv.app.record.series import load_series
from mlv.app.runs import find_run, read_runs
from mlv.app.workspace import Workspace
from mlv.capture.journal.points import Points, join, select
from mlv.capture.journal.reader import Resumption
from mlv.core.ids import RunId
from mlv.core.run import API, Run
from mlv.errors import AmbiguousRunError, MlvError

SYSTEM_PREFIX = "system/"
"""Series of these names tell how the machine was used, and are no results."""


class GoneOn(msgspec.Struct, frozen=True, kw_only=True):
    """The series of a run, with those of an earlier run before them.

    Attributes:
        series: Points by name.
        sources: Where the metrics of the earlier run came from, by name.
        run: The earlier run, if there is one.
        problems: Why its points are missing.
    """

    series: Mapping[str, Points]
    sources: Mapping[str, str] = {}
    run: RunId | None = None
    problems: tuple[str, ...] = ()


def go_on(
    workspace: Workspace, resumption: Resumption | None, series: Mapping[str, Points]
) -> GoneOn:
    """Return the series of a run that goes on from an earlier one, or from none.

    Args:
        workspace: Where the earlier run is recorded.
        resumption: What the run said of it.
        series: What the run itself logged.
    """
    if resumption is None:
        return GoneOn(series=series)
    try:
        earlier = _find_earlier(workspace, resumption.run)
        before = load_series(workspace, earlier).series
    except MlvError as error:
        message = f"the points before those of this run are missing: {error.message}"
        return GoneOn(series=series, problems=(message,))
    joined = dict(series)
    for name, points in before.items():
        if name.startswith(SYSTEM_PREFIX):
            continue
        own = series.get(name)
        kept = _points_before(points, resumption.step if own is None else _first(own, resumption))
        if len(kept):
            joined[name] = kept if own is None else join((kept, own))
    sources = {name: metric.source for name, metric in earlier.metrics.items()}
    return GoneOn(
        series=joined,
        sources={name: sources.get(name, API) for name in joined},
        run=earlier.id,
    )


def _find_earlier(workspace: Workspace, reference: str) -> Run:
    """Return the run that is meant; of several with that name the newest."""
    known = read_runs(workspace)
    try:
        return find_run(workspace, reference, among=known)
    except AmbiguousRunError:
        named = [run for run in known.runs if run.name == reference]
        if not named:
            raise
        return named[-1]


def _first(own: Points, resumption: Resumption) -> int:
    """Return the first step that counts from this run on."""
    return int(min(own.steps)) if resumption.step is None else resumption.step


def _points_before(points: Points, step: int | None) -> Points:
    if step is None:
        return points
    import numpy as np

    return select(points, np.asarray(points.steps, np.int64) < step)
