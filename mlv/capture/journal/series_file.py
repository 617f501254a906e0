"""Series as one Parquet file: sorted by name, with delta-coded steps and split floats.

Source: docs/reference/store-format.md, "Series files".
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from mlv.capture.journal.points import Points

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mlv.capture.journal.points import Numbers

_DELTA = "DELTA_BINARY_PACKED"
_ENCODINGS = {"step": _DELTA, "time": _DELTA, "value": "BYTE_STREAM_SPLIT", "whole": _DELTA}


class SeriesContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a series file holds.

    Attributes:
        series: The points that count, by name.
        hidden: Points that the run went back behind.
    """

    series: Mapping[str, Points]
    hidden: Mapping[str, Points] = {}


class SeriesColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Points of many series in columns, those of one series together.

    Attributes:
        names: Names of the series.
        codes: Index into `names`, shape `(n,)`.
        steps: Shape `(n,)`.
        times_us: Microseconds since 1970, shape `(n,)`; 0 where `timed` does not hold.
        timed: Shape `(n,)`.
        floats: The values, shape `(n,)`; the nearest float of a whole number.
        wholes: The whole numbers, shape `(n,)`; 0 where `whole` does not hold.
        whole: Shape `(n,)`.
    """

    names: list[str]
    codes: NDArray[np.int32]
    steps: NDArray[np.int64]
    times_us: NDArray[np.int64]
    timed: NDArray[np.bool_]
    floats: NDArray[np.float64]
    wholes: NDArray[np.int64]
    whole: NDArray[np.bool_]


def encode_series(content: SeriesContent) -> bytes:
    """Return the Parquet file of some series; what is not known is null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    shown = [(name, False, points) for name, points in content.series.items()]
    away = [(name, True, points) for name, points in content.hidden.items()]
    rows = sorted(shown + away, key=operator.itemgetter(0, 1))
    columns = make_columns([(name, points) for name, _, points in rows])
    table = make_table(columns)
    if content.hidden:
        hidden = np.repeat([row[1] for row in rows], [len(row[2]) for row in rows])
        table = table.append_column("hidden", pa.array(hidden))
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=["series"],
        column_encoding={k: v for k, v in _ENCODINGS.items() if k in table.column_names},
    )
    return bytes(sink.getvalue().to_pybytes())


def decode_series(data: bytes, *, began_us: int) -> SeriesContent:
    """Return what `encode_series` was given, in arrays.

    Args:
        data: The file.
        began_us: When the run began, microseconds since 1970; mlv 0.1 counted times from there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data), read_dictionary=["series"])
    if "hidden" not in table.column_names:
        return SeriesContent(series=dict(_split(_read_columns(table, began_us))))
    import pyarrow.compute as pc

    hidden = table.column("hidden")
    shown, away = table.filter(pc.invert(hidden)), table.filter(hidden)
    return SeriesContent(
        series=dict(_split(_read_columns(shown, began_us))),
        hidden=dict(_split(_read_columns(away, began_us))),
    )


def make_columns(series: list[tuple[str, Points]]) -> SeriesColumns:
    """Return series in columns, in the given order; a name may come twice."""
    import numpy as np

    parts = [points for _, points in series]
    lengths = [len(part) for part in parts]
    names = list(dict.fromkeys(name for name, _ in series))
    index = {name: code for code, name in enumerate(names)}
    split = [_split_numbers(part.values) for part in parts]
    empty = np.empty(0, np.int64)
    timed = [len(part.times_us) == len(part) for part in parts]
    times = [
        np.asarray(part.times_us, np.int64) if known else np.zeros(len(part), np.int64)
        for part, known in zip(parts, timed, strict=True)
    ]
    return SeriesColumns(
        names=names,
        codes=np.repeat(np.array([index[name] for name, _ in series], np.int32), lengths),
        steps=np.concatenate([empty, *(np.asarray(part.steps, np.int64) for part in parts)]),
        times_us=np.concatenate([empty, *times]),
        timed=np.repeat(np.array(timed, np.bool_), lengths),
        floats=np.concatenate([empty.astype(np.float64), *(each[0] for each in split)]),
        wholes=np.concatenate([empty, *(each[1] for each in split)]),
        whole=np.concatenate([empty.astype(np.bool_), *(each[2] for each in split)]),
    )


def make_table(columns: SeriesColumns) -> pa.Table:
    """Return columns as a table of Arrow: `series`, `step`, `time`, `value`.

    A fifth column, `whole`, has the exact whole numbers, and is there if there are any.
    """
    import pyarrow as pa

    dictionary = pa.array(columns.names, pa.string())
    moment = pa.timestamp("us", tz="UTC")
    arrays = {
        "series": pa.DictionaryArray.from_arrays(pa.array(columns.codes), dictionary),
        "step": pa.array(columns.steps),
        "time": pa.array(columns.times_us, pa.int64(), mask=~columns.timed).cast(moment),
        "value": pa.array(columns.floats),
    }
    if columns.whole.any():
        arrays["whole"] = pa.array(columns.wholes, mask=~columns.whole)
    return pa.table(arrays)


def _split_numbers(
    values: Numbers,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return values as floats, as whole numbers, and which of them are whole."""
    import numpy as np

    if isinstance(values, list):
        whole = np.array([isinstance(value, int) for value in values], np.bool_)
        wholes = np.array([v if isinstance(v, int) else 0 for v in values], np.int64)
        return np.array(values, np.float64), wholes, whole
    if values.dtype == np.int64:
        wholes = values.astype(np.int64, copy=False)
        return values.astype(np.float64), wholes, np.ones(len(values), np.bool_)
    floats = values.astype(np.float64, copy=False)
    return floats, np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)


def _read_columns(table: pa.Table, began_us: int) -> SeriesColumns:
    import numpy as np
    import pyarrow as pa

    names = (
        pa.concat_arrays(table.column("series").unify_dictionaries().chunks) if len(table) else None
    )
    times, timed = _read_times(table, began_us)
    if "whole" in table.column_names:
        column = table.column("whole")
        whole = column.is_valid().to_numpy()
        wholes = column.fill_null(0).to_numpy()
    else:
        whole, wholes = np.zeros(len(table), np.bool_), np.zeros(len(table), np.int64)
    return SeriesColumns(
        names=[] if names is None else names.dictionary.to_pylist(),
        codes=np.empty(0, np.int32) if names is None else names.indices.to_numpy(),
        steps=table.column("step").to_numpy(),
        times_us=times,
        timed=timed,
        floats=table.column("value").to_numpy(),
        wholes=wholes,
        whole=whole,
    )


def _read_times(table: pa.Table, began_us: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    import numpy as np
    import pyarrow as pa

    if "time_s" in table.column_names:  # mlv 0.1
        column = table.column("time_s")
        times_us = np.rint(column.fill_null(0.0).to_numpy() * 1e6).astype(np.int64) + began_us
    else:
        column = table.column("time")
        times_us = column.cast(pa.int64()).fill_null(0).to_numpy()
    return times_us, column.is_valid().to_numpy()


def _split(columns: SeriesColumns) -> Iterator[tuple[str, Points]]:
    """Yield name and points of each series; the rows of one lie together."""
    import numpy as np

    codes = columns.codes
    if not len(codes):
        return
    limits = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist(), len(codes)]
    for start, end in pairwise(limits):
        rows = slice(start, end)
        yield (
            columns.names[codes[start]],
            Points(
                steps=columns.steps[rows],
                values=_join_numbers(columns, rows),
                times_us=columns.times_us[rows] if columns.timed[rows].all() else [],
            ),
        )


def _join_numbers(columns: SeriesColumns, rows: slice) -> Numbers:
    whole = columns.whole[rows]
    if not whole.any():
        return columns.floats[rows]
    if whole.all():
        return columns.wholes[rows]
    pairs = zip(columns.floats[rows].tolist(), columns.wholes[rows].tolist(), whole, strict=True)
    return [exact if is_whole else value for value, exact, is_whole in pairs]
