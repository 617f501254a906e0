"""Points of a series: lists where they are few, NumPy arrays where they are many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Wholes = list[int] | NDArray[np.int64]
    Numbers = list[int] | list[float] | NDArray[np.int64] | NDArray[np.float64]

MANY = 4_096
"""From so many points on, loading NumPy pays."""


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over steps, in the order in which it was logged.

    Attributes:
        steps: Shape `(n,)`; a list, or an array of int64.
        values: Shape `(n,)`; a list in which whole numbers are `int`, or an array of int64
            or float64.
        times_us: Shape `(n,)`, microseconds since 1970; shape `(0,)` where they are not known.
    """

    steps: Wholes
    values: Numbers
    times_us: Wholes = msgspec.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.steps)


def as_lists(points: Points) -> Points:
    """Return the same points in lists."""
    return Points(
        steps=list_of_wholes(points.steps),
        values=list_of_numbers(points.values),
        times_us=list_of_wholes(points.times_us),
    )


def list_of_wholes(column: Wholes) -> list[int]:
    """Return steps or times as Python's own numbers."""
    return column if isinstance(column, list) else column.tolist()


def list_of_numbers(column: Numbers) -> list[int] | list[float]:
    """Return values as Python's own numbers."""
    return column if isinstance(column, list) else column.tolist()


def select(points: Points, keep: NDArray[np.bool_]) -> Points:
    """Return the points for which `keep`, shape `(n,)`, holds."""
    import numpy as np

    values: Numbers
    if isinstance(points.values, list):
        values = [value for value, kept in zip(points.values, keep, strict=True) if kept]
    else:
        values = points.values[keep]
    times = np.asarray(points.times_us, np.int64)
    return Points(
        steps=np.asarray(points.steps, np.int64)[keep],
        values=values,
        times_us=times[keep] if len(times) else [],
    )


def join(parts: Sequence[Points]) -> Points:
    """Return points one after the other; their times are known where all of them are."""
    if len(parts) == 1:
        return parts[0]
    timed = all(len(part.times_us) == len(part) for part in parts)
    return Points(
        steps=_join_wholes([part.steps for part in parts]),
        values=_join_numbers([part.values for part in parts]),
        times_us=_join_wholes([part.times_us for part in parts]) if timed else [],
    )


def reorder(points: Points, order: NDArray[np.intp]) -> Points:
    """Return points in another order, in arrays; their times must be known."""
    import numpy as np

    values: Numbers
    if isinstance(points.values, list):
        values = [points.values[index] for index in order.tolist()]
    else:
        values = points.values[order]
    return Points(
        steps=np.asarray(points.steps, np.int64)[order],
        values=values,
        times_us=np.asarray(points.times_us, np.int64)[order],
    )


def reorder_lists(points: Points, order: Sequence[int]) -> Points:
    """Return points in another order, in lists; their times must be known."""
    lists = as_lists(points)
    return Points(
        steps=[lists.steps[index] for index in order],
        values=[lists.values[index] for index in order],
        times_us=[lists.times_us[index] for index in order],
    )


def _join_wholes(columns: Sequence[Wholes]) -> Wholes:
    if all(isinstance(column, list) for column in columns):
        return [number for column in columns for number in column]
    import numpy as np

    return np.concatenate([np.asarray(column, np.int64) for column in columns])


def _join_numbers(columns: Sequence[Numbers]) -> Numbers:
    import numpy as np

    arrays = [column for column in columns if not isinstance(column, list)]
    if len(arrays) == len(columns) and len({array.dtype for array in arrays}) == 1:
        joined: Numbers = np.concatenate(arrays)  # type: ignore[assignment]  # of their one type
        return joined
    return [number for column in columns for number in list_of_numbers(column)]
