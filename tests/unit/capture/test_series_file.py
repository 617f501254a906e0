from __future__ import annotations

import io
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlv.capture.journal.points import Points, as_lists
from mlv.capture.journal.series_file import SeriesContent, decode_series, encode_series

BEGAN_US = 1_700_000_000_000_000


def _round_trip(**series: Points) -> dict[str, Points]:
    data = encode_series(SeriesContent(series=series))
    decoded = decode_series(data, began_us=0).series
    return {name: as_lists(points) for name, points in decoded.items()}


def test_series_come_back_exactly() -> None:
    series = {
        "whole": Points(steps=[3, -1, 3], values=[2**53 + 1, -(2**63), 0], times_us=[1, 2, 5]),
        "real": Points(steps=[2**62, 0], values=[0.1, math.inf], times_us=[9, 9]),
        "mixed": Points(steps=[0, 1], values=[2**60 + 1, 0.5], times_us=[0, 1]),
        "no times": Points(steps=[0], values=[1.0]),
    }

    found = _round_trip(**series)

    assert found == series
    assert [type(value) for value in found["mixed"].values] == [int, float]
    assert type(found["no times"].values[0]) is float


def test_nan_comes_back_with_its_bits() -> None:
    odd = np.array([0x7FF8000000000123], np.int64).view(np.float64)

    data = encode_series(SeriesContent(series={"a": Points(steps=[0], values=odd)}))

    (value,) = decode_series(data, began_us=0).series["a"].values
    assert np.float64(value).view(np.int64) == 0x7FF8000000000123


def test_hidden_points_are_kept_apart() -> None:
    shown = {"a": Points(steps=[0, 1], values=[1, 2]), "c": Points(steps=[0], values=[0.5])}
    hidden = {"a": Points(steps=[1], values=[9]), "b": Points(steps=[4], values=[7])}

    found = decode_series(encode_series(SeriesContent(series=shown, hidden=hidden)), began_us=0)

    assert {name: as_lists(points) for name, points in found.series.items()} == shown
    assert {name: as_lists(points) for name, points in found.hidden.items()} == hidden


def test_nothing_comes_back_as_nothing() -> None:
    assert _round_trip() == {}


def test_file_has_the_columns_that_are_documented() -> None:
    series = {
        "b": Points(steps=[1], values=[2], times_us=[3]),
        "a": Points(steps=[0], values=[0.5]),
    }

    table = pq.read_table(io.BytesIO(encode_series(SeriesContent(series=series))))

    moment = pa.timestamp("us", tz="UTC")
    assert {field.name: field.type for field in table.schema} == {
        "series": pa.dictionary(pa.int32(), pa.string()),
        "step": pa.int64(),
        "time": moment,
        "value": pa.float64(),
        "whole": pa.int64(),
    }
    assert table.column("series").to_pylist() == ["a", "b"]
    assert table.column("whole").to_pylist() == [None, 2]
    assert table.column("time").cast(pa.int64()).to_pylist() == [None, 3]


def test_file_of_the_first_release_is_read() -> None:
    table = pa.table(
        {
            "series": pa.array(["a", "a", "b"]).dictionary_encode(),
            "step": pa.array([0, 1, 5]),
            "time_s": pa.array([0.5, 1.25, None]),
            "value": pa.array([1.0, math.inf, 3.0]),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)

    found = decode_series(sink.getvalue(), began_us=BEGAN_US).series

    assert {name: as_lists(points) for name, points in found.items()} == {
        "a": Points(
            steps=[0, 1],
            values=[1.0, math.inf],
            times_us=[BEGAN_US + 500_000, BEGAN_US + 1_250_000],
        ),
        "b": Points(steps=[5], values=[3.0]),
    }


@pytest.mark.parametrize(("bits", "most_bytes"), [(64, 9.0), (32, 6.0)])
def test_training_loss_takes_few_bytes_a_point(bits: int, most_bytes: float) -> None:
    n_points = 100_000
    random = np.random.default_rng(0)
    steps = np.arange(n_points)
    loss = 2.3 * np.exp(-steps / 2e4) + 0.1 + random.normal(0, 0.05, n_points)
    values = loss.astype(f"float{bits}").astype(np.float64)
    # A tenth of a second a step, give or take five milliseconds.
    pauses_us = np.abs(random.normal(100_000, 5_000, n_points)).astype(np.int64)
    times_us = BEGAN_US + np.cumsum(pauses_us)
    points = Points(steps=steps, values=values, times_us=times_us)

    size = len(encode_series(SeriesContent(series={"train/loss": points})))

    assert size / n_points < most_bytes
