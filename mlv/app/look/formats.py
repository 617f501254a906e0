"""Write exported runs and series: CSV, JSON, JSON Lines, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO

import msgspec

from mlv.app.look.exporting import ExportedRun, SeriesFormat
from mlv.capture.journal.points import Points, as_lists
from mlv.capture.journal.series_file import SeriesColumns, make_columns, make_table
from mlv.core.scalars import scalar_of

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - it is much quicker without a time zone
_ROWS = 10_000
"""How many rows are made at a time."""

_MOST_EXACT = 1 << 53
"""Up to here a float64 holds every whole number."""

NamedPoints = Sequence[tuple[str, Points]]

_Row = tuple[str, int, str | None, float]
"""Name, step, time, value."""


def write_series(series: NamedPoints, form: SeriesFormat, sink: BinaryIO) -> None:
    """Write points, one a row: `series`, `step`, `time`, `value`.

    In text, times are ISO 8601 in UTC, and NaN and the infinities read `nan`, `inf` and
    `-inf`. In Parquet they are what they are.

    Raises:
        OSError: The sink takes no more.
    """
    if form == "parquet":
        _write_parquet(series, sink)
    elif form == "csv":
        sink.write(b"series,step,time,value\n")
        for rows in _chunks(series):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            sink.write(text.getvalue().encode())
    else:
        encoder = msgspec.json.Encoder()
        for rows in _chunks(series):
            lines = [
                {"series": name, "step": step, "time": time, "value": scalar_of(value)}
                for name, step, time, value in rows
            ]
            sink.write(encoder.encode_lines(lines))


def write_run_as_json(run: ExportedRun, sink: BinaryIO) -> None:
    """Write a run as one JSON document, whose `schema` is `mlv-export 1`.

    Raises:
        OSError: The sink takes no more.
    """
    members = {"schema": "mlv-export 1", **msgspec.structs.asdict(run)}
    sink.write(msgspec.json.format(msgspec.json.encode(members), indent=2) + b"\n")


def write_run_as_csv(run: ExportedRun, sink: BinaryIO) -> None:
    """Write a run as rows of name and value; what is no text or number is JSON.

    Raises:
        OSError: The sink takes no more.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "value"))
    for name, value in msgspec.structs.asdict(run).items():
        if isinstance(value, dict):
            writer.writerows((f"{name}.{key}", _cell(inner)) for key, inner in value.items())
        else:
            writer.writerow((name, _cell(value)))
    sink.write(text.getvalue().encode())


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _chunks(series: NamedPoints) -> Iterator[list[_Row]]:
    for name, points in series:
        lists = as_lists(points)
        for start in range(0, len(points), _ROWS):
            end = start + _ROWS
            steps, values = lists.steps[start:end], lists.values[start:end]
            times: list[str | None] = [_format_time(each) for each in lists.times_us[start:end]]
            rows = zip(steps, times or [None] * len(steps), values, strict=True)
            yield [(name, step, time, value) for step, time, value in rows]


def _format_time(time_us: int) -> str:
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="microseconds") + "Z"


def _write_parquet(series: NamedPoints, sink: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = make_columns(list(series))
    table = make_table(columns)
    table = table.set_column(0, "series", table.column("series").cast(pa.string()))
    if len(columns.whole) and columns.whole.all():
        place = table.column_names.index("value")
        table = table.set_column(place, "value", pa.array(columns.wholes))
    if "whole" in table.column_names and not _loses_digits(columns):
        table = table.drop_columns(["whole"])
    pq.write_table(table, sink, compression="zstd")


def _loses_digits(columns: SeriesColumns) -> bool:
    """Tell whether a whole number beside floats is not exactly what the float says."""
    import numpy as np

    floats = columns.floats[columns.whole]
    mixed = not columns.whole.all()
    return mixed and bool(np.abs(floats).max(initial=0.0) > _MOST_EXACT)
