"""Series as one Parquet file: sorted by name, with delta-coded steps and split floats.

Source: docs/reference/store-format.md, "Series files".
"""

from __future__ import annotations

from collections.abc import Mapping

from mlv.capture.journal_reader import Points

_DELTA = "DELTA_BINARY_PACKED"
_SPLIT = "BYTE_STREAM_SPLIT"


def encode_series(series: Mapping[str, Points]) -> bytes:
    """Return the Parquet file of some series; times that are not known are null.

    Values are float64; a whole number beyond 2**53 loses its last digits.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names: list[str] = []
    steps: list[int] = []
    values: list[float] = []
    times: list[float | None] = []
    for name, points in sorted(series.items()):
        names += [name] * len(points.steps)
        steps += points.steps
        values += [float(value) for value in points.values]
        times += points.times_s or [None] * len(points.steps)
    table = pa.table(
        {
            "series": pa.array(names, pa.string()).dictionary_encode(),
            "step": pa.array(steps, pa.int64()),
            "time_s": pa.array(times, pa.float64()),
            "value": pa.array(values, pa.float64()),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=["series"],
        column_encoding={"step": _DELTA, "time_s": _SPLIT, "value": _SPLIT},
    )
    return bytes(sink.getvalue().to_pybytes())


def decode_series(data: bytes) -> dict[str, Points]:
    """Return the series that `encode_series` was given, with values as floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))
    columns = (table.column(name).to_pylist() for name in ("series", "step", "value", "time_s"))
    series: dict[str, Points] = {}
    for name, step, value, time_s in zip(*columns, strict=True):
        points = series.setdefault(name, Points(steps=[], values=[], times_s=[]))
        points.steps.append(step)
        points.values.append(value)
        if time_s is not None:
            points.times_s.append(time_s)
    return series
