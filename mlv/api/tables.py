"""Tables as CSV."""

from __future__ import annotations

import csv
import io
from itertools import zip_longest

from mlv.api.attachments import safe_name
from mlv.api.values import describe, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def format_table(name: Any, data: Any, columns: Any = None) -> tuple[str, bytes]:
    """Return the name and the bytes of a table.

    Args:
        name: What the user calls it; the suffix `.tsv` separates cells by tabs.
        data: Rows, each a sequence or a mapping; or columns by name; or a data frame.
        columns: Names of the columns.

    Raises:
        TypeError: It is no table.
    """
    if isinstance(data, str) and not isinstance(name, str):
        name, data = data, name  # as MLflow orders them
    safe = safe_name(name, ".csv", ".tsv")
    delimiter = "\t" if safe.endswith(".tsv") else ","
    if hasattr(data, "itertuples"):  # pandas
        return safe, _format_frame(data, columns, delimiter)
    header, rows = _read_table(data, columns)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow([text_of(each) for each in header])
    writer.writerows([_cell(each) for each in row] for row in rows)
    return safe, text.getvalue().encode()


def _format_frame(frame: Any, columns: Any, delimiter: str) -> bytes:
    if columns is not None:
        frame = frame[list(columns)]
    # An index that only counts the rows says nothing.
    keeps_index = type(frame.index).__name__ != "RangeIndex"
    text: str = frame.to_csv(index=keeps_index, sep=delimiter, lineterminator="\n")
    return text.encode()


def _read_table(data: Any, columns: Any) -> tuple[list[Any], Iterable[Iterable[Any]]]:
    if hasattr(data, "iter_rows"):  # polars
        return list(columns or data.columns), data.iter_rows()
    if hasattr(data, "keys"):
        header = list(columns or data.keys())
        return header, zip_longest(*(_items(data[name]) for name in header), fillvalue="")
    rows = _items(data)
    if rows and hasattr(rows[0], "keys"):
        header = list(columns or dict.fromkeys(name for row in rows for name in row))
        return header, ([row.get(name, "") for name in header] for row in rows)
    return list(columns or ()), (_items(row) for row in rows)


def _items(values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        message = f"{describe(values)} is no row or column of a table"
        raise TypeError(message)
    return list(values)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    return repr(value) if isinstance(value, float) else text_of(value)
