"""Sum a series up in a few numbers.

Source: docs/reference/store-format.md, "Run records", metric.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlv.capture.journal.points import Points, list_of_numbers
from mlv.core.run import Metric
from mlv.core.scalars import scalar_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def summarize(points: Points, source: str) -> Metric:
    """Return the metric of a series with at least one point.

    NaN is neither the lowest nor the highest value unless there is nothing else.
    """
    newest = scalar_of(_number(points, len(points) - 1))
    if len(points) == 1:
        return Metric(value=newest, source=source, step=int(points.steps[-1]))
    if isinstance(points.values, list):
        low, high = _find_extremes(points.values)
    else:
        low, high = _find_extremes_of_array(points.values)
    return Metric(
        value=newest,
        source=source,
        n_values=len(points),
        step=int(points.steps[-1]),
        first=scalar_of(_number(points, 0)),
        lowest=scalar_of(_number(points, low)),
        highest=scalar_of(_number(points, high)),
        lowest_step=int(points.steps[low]),
        highest_step=int(points.steps[high]),
    )


def _number(points: Points, index: int) -> float:
    (value,) = list_of_numbers(points.values[index : index + 1])
    return value


def _find_extremes(values: list[int] | list[float]) -> tuple[int, int]:
    """Return the places of the lowest and of the highest value, the first of each."""
    places = [place for place, value in enumerate(values) if not math.isnan(value)] or [0]
    return min(places, key=values.__getitem__), max(places, key=values.__getitem__)


def _find_extremes_of_array(values: NDArray[np.int64] | NDArray[np.float64]) -> tuple[int, int]:
    import numpy as np

    if np.isnan(values).all():
        return 0, 0
    return int(np.nanargmin(values)), int(np.nanargmax(values))
