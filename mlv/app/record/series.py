"""The series of a sealed run, wherever the record keeps them."""

from __future__ import annotations

from mlv.app.workspace import Workspace
from mlv.capture.series_file import decode_series
from mlv.core.run import Run, Series
from mlv.core.scalars import scalar_of


def read_series(workspace: Workspace, run: Run) -> dict[str, Series]:
    """Return every series of a run.

    Raises:
        MissingObjectError, CorruptDataError: The object of long series is gone or damaged.
    """
    if run.series_file is None:
        return run.series
    decoded = decode_series(workspace.objects.read(run.series_file))
    return {
        name: Series(
            steps=tuple(points.steps),
            values=tuple(scalar_of(value) for value in points.values),
            times_s=tuple(points.times_s),
        )
        for name, points in decoded.items()
    }
