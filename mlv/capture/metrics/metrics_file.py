"""Metrics that a command writes into files: JSON, YAML, TOML, CSV, TSV, JSON Lines.

A document gives values: nested names are joined by dots, text is passed over, and a
list of numbers is a series. A table gives series: each column of numbers is one, and a
column called `step`, `epoch` or the like counts the steps.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from mlv.capture.documents.document_text import read_text, refuse
from mlv.capture.documents.documents import Plain, read_document
from mlv.capture.journal.points import Points
from mlv.capture.metrics.table_file import LargeTable, find_large_table
from mlv.errors import UnreadableFileError

_STEP_COLUMNS = ("step", "global_step", "steps", "iteration", "iter", "epoch", "epochs")
_NUMBER = re.compile(
    r"\s*[-+]?(?:[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?|\.[0-9]+(?:e[-+]?[0-9]+)?|inf(?:inity)?|nan)\s*",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\s*[-+]?[0-9]{1,18}\s*")


class FileMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What one metrics file holds.

    Attributes:
        values: Each metric's value; its last one where it is a series.
        series: Those that have several values.
    """

    values: dict[str, float]
    series: dict[str, Points]


def read_metrics_file(path: Path, name: str) -> FileMetrics:
    """Return the numbers of a metrics file; NaN and the infinities are numbers.

    Args:
        path: The file; its suffix tells the format.
        name: What messages call it.

    Raises:
        MissingFileError: There is no such file.
        StorageError: The file cannot be read.
        UnreadableFileError: The file is malformed, too large, or of another format; the
            message begins with `name:line:column:` where there is a place.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        delimiter = "\t" if suffix == ".tsv" else ","
        table = find_large_table(path, name, delimiter)
        if table is not None:
            return _from_table(table, name)
        return _from_rows(_read_table(read_text(path, name), name, delimiter), name)
    if suffix in (".jsonl", ".ndjson"):
        return _from_rows(_read_json_lines(read_text(path, name), name), name)
    document = read_document(path, name)
    if not isinstance(document, dict | None):
        raise UnreadableFileError(f"{name}:1:1: expected names and numbers at the top")
    return _from_document(document or {})


def _from_document(document: Mapping[str, Plain]) -> FileMetrics:
    values: dict[str, float] = {}
    series: dict[str, Points] = {}
    for key, leaf in _flatten(document):
        if isinstance(leaf, list):
            numbers = [_number_of(item) for item in leaf]
            found = [number for number in numbers if number is not None]
            if found and len(found) == len(leaf):
                series[key] = Points(steps=list(range(len(found))), values=found)
                values[key] = found[-1]
        else:
            number = _number_of(leaf)
            if number is not None:
                values[key] = number
    return FileMetrics(values=values, series=series)


def _flatten(mapping: Mapping[str, Plain], prefix: str = "") -> Iterator[tuple[str, Plain]]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


_Row = tuple[int, dict[str, Plain]]
"""Line number and cells."""


def _read_table(text: str, name: str, delimiter: str) -> Iterator[_Row]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
        names = [title.strip() for title in header]
        repeated = next((title for title in names if names.count(title) > 1), None)
        if repeated is not None:
            refuse(name, f"two columns are called {repeated!r}", line=1)
        for cells in rows:
            if len(cells) > len(names):
                problem = f"{len(cells)} cells, but the header has {len(names)}"
                refuse(name, problem, line=rows.line_num)
            yield rows.line_num, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        refuse(name, str(error), line=rows.line_num, cause=error)


def _read_json_lines(text: str, name: str) -> Iterator[_Row]:
    for line, row in enumerate(text.split("\n"), start=1):
        if not row.strip():
            continue
        try:
            value = json.loads(row)
        except json.JSONDecodeError as error:
            refuse(name, error.msg, line=line, column=error.colno, cause=error)
        except (ValueError, RecursionError) as error:
            refuse(name, str(error), line=line, cause=error)
        if not isinstance(value, dict):
            refuse(name, "expected an object with names and numbers", line=line)
        yield line, dict(_flatten(value))


def _from_rows(rows: Iterable[_Row], name: str) -> FileMetrics:
    columns: dict[str, list[tuple[int, int, float]]] = {}  # row, line, number
    texts: set[str] = set()
    n_rows = 0
    for index, (line, cells) in enumerate(rows):
        n_rows += 1
        for title, cell in cells.items():
            number = _number_of(cell)
            if number is not None:
                columns.setdefault(title, []).append((index, line, number))
            elif cell not in (None, ""):
                texts.add(title)
    step_title = _find_step_column(columns.keys() | texts)
    steps = dict(enumerate(range(n_rows)))
    if step_title is not None and step_title not in texts:
        for index, line, number in columns.pop(step_title, []):
            steps[index] = _step_of(number, step_title, name, line)
    series = {
        title: Points(
            steps=[steps[index] for index, _, _ in points],
            values=[number for _, _, number in points],
        )
        for title, points in columns.items()
        if title not in texts
    }
    values = {title: points.values[-1] for title, points in series.items()}
    return FileMetrics(values=values, series=series)


def _from_table(table: LargeTable, name: str) -> FileMetrics:
    import numpy as np

    columns = {title: column for title, column in table.columns.items() if len(column.rows)}
    step_title = _find_step_column(columns.keys() | table.texts)
    steps = np.arange(table.n_rows)
    if step_title is not None and step_title in columns:
        column = columns.pop(step_title)
        whole = column.numbers == np.trunc(column.numbers)
        whole &= np.isfinite(column.numbers)
        if not whole.all():
            wrong = int(np.argmin(whole))
            line = int(column.rows[wrong]) + 2
            _step_of(float(column.numbers[wrong]), step_title, name, line)
        steps[column.rows] = column.numbers.astype(np.int64)
    series = {
        title: Points(steps=steps[column.rows], values=column.numbers)
        for title, column in columns.items()
    }
    values = {title: column.numbers[-1].item() for title, column in columns.items()}
    return FileMetrics(values=values, series=series)


def _find_step_column(titles: Iterable[str]) -> str | None:
    by_name = {title.lower(): title for title in titles}
    return next((by_name[name] for name in _STEP_COLUMNS if name in by_name), None)


def _step_of(number: float, title: str, name: str, line: int) -> int:
    if number != number or number in (float("inf"), float("-inf")) or number != int(number):  # noqa: PLR0124
        refuse(name, f"{title!r} must be a whole number, found {number}", line=line)
    return int(number)


def _number_of(cell: Plain) -> float | None:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    if not isinstance(cell, str):
        return None
    if _WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if _NUMBER.fullmatch(cell) else None
