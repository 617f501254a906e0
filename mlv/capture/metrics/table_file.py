"""Read large tables of numbers, CSV or TSV, a column at a time.

In a column, whole numbers stay whole when all of them are.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlv.capture.documents.document_text import MAX_BYTES
from mlv.errors import UnreadableFileError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_LARGE_BYTES = 1 << 20
"""A smaller table is read row by row: loading pyarrow would take longer."""

_MAX_BYTES = 1 << 30


class NumberColumn(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a column.

    Attributes:
        rows: Index of each number's row, shape `(n,)`; empty cells have none.
        numbers: Shape `(n,)`, int64 or float64.
    """

    rows: NDArray[np.int64]
    numbers: NDArray[np.int64] | NDArray[np.float64]


class LargeTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table.

    Attributes:
        n_rows: How many rows it has below the header.
        columns: The columns of numbers.
        texts: Names of the columns that hold anything else.
    """

    n_rows: int
    columns: dict[str, NumberColumn]
    texts: frozenset[str]


def find_large_table(path: Path, name: str, delimiter: str) -> LargeTable | None:
    """Return a table if it is large and plain; None for whatever is better read by rows.

    Raises:
        UnreadableFileError: It is larger than 1 GiB, or so large that it has to be plain.
    """
    try:
        size = path.stat().st_size
    except OSError:
        return None  # what is wrong is said by whoever reads it
    if size < _LARGE_BYTES:
        return None
    if size > _MAX_BYTES:
        raise UnreadableFileError(f"{name}: larger than {_MAX_BYTES // 1024**2} MiB")
    import pyarrow as pa

    try:
        return _read(path, delimiter)
    except (pa.ArrowInvalid, ValueError) as error:
        if size <= MAX_BYTES:
            return None
        problem = str(error).partition("\n")[0]
        raise UnreadableFileError(f"{name}: {problem}") from error


def _read(path: Path, delimiter: str) -> LargeTable:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        titles = next(csv.reader(file, delimiter=delimiter, strict=True), [])
    names = [title.strip() for title in titles]
    if len(set(names)) < len(names):
        message = "two columns have the same name"
        raise ValueError(message)
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            # Guessing would look at the first rows alone.
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    found = {name: _find_numbers(table.column(name)) for name in names}
    return LargeTable(
        n_rows=len(table),
        columns={name: column for name, column in found.items() if column is not None},
        texts=frozenset(name for name, column in found.items() if column is None),
    )


def _find_numbers(cells: pa.ChunkedArray) -> NumberColumn | None:
    """Return the numbers of a column, None when a cell holds anything else."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(cells.drop_null())
    for kind in (pa.int64(), pa.float64()):
        try:
            numbers = trimmed.cast(kind)
        except pa.ArrowInvalid:
            continue
        rows = np.flatnonzero(cells.is_valid().to_numpy())
        return NumberColumn(rows=rows, numbers=numbers.to_numpy())
    return None
