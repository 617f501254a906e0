from __future__ import annotations

import math

import numpy as np
import pytest

from mlv.capture.journal.points import Points
from mlv.capture.journal.summary import summarize
from mlv.core.run import Metric

NAN = math.nan


@pytest.mark.parametrize("as_array", [False, True])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], Metric(value=7.0, source="api", step=10)),
        (
            [3.0, 1.0, NAN, 1.0, 3.0],
            Metric(
                value=3.0,
                source="api",
                n_values=5,
                step=14,
                first=3.0,
                lowest=1.0,
                highest=3.0,
                lowest_step=11,
                highest_step=10,
            ),
        ),
        (
            [NAN, NAN],
            Metric(
                value="nan",
                source="api",
                n_values=2,
                step=11,
                first="nan",
                lowest="nan",
                highest="nan",
                lowest_step=10,
                highest_step=10,
            ),
        ),
        (
            [2**53 + 1, 2**53],
            Metric(
                value=2**53,
                source="api",
                n_values=2,
                step=11,
                first=2**53 + 1,
                lowest=2**53,
                highest=2**53 + 1,
                lowest_step=11,
                highest_step=10,
            ),
        ),
        (
            [-math.inf, 0.5],
            Metric(
                value=0.5,
                source="api",
                n_values=2,
                step=11,
                first="-inf",
                lowest="-inf",
                highest=0.5,
                lowest_step=10,
                highest_step=11,
            ),
        ),
    ],
)
def test_series_is_summed_up(values: list[float], expected: Metric, *, as_array: bool) -> None:
    steps = list(range(10, 10 + len(values)))
    points = Points(steps=steps, values=values)
    if as_array:
        points = Points(steps=np.array(steps), values=np.array(values))

    found = summarize(points, "api")

    assert found == expected
    assert type(found.value) is type(expected.value)
