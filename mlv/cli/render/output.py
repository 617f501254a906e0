"""Write results: tables that fit the terminal, numbers, sizes, times, JSON."""

from __future__ import annotations

import csv
import io
import math
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Literal

import msgspec
import typer

TableFormat = Literal["table", "md", "csv", "json"]

JsonSchema = Literal[
    "mlv-track 1",
    "mlv-untrack 1",
    "mlv-status 1",
    "mlv-checkout 1",
    "mlv-runs 1",
    "mlv-run 1",
    "mlv-diff 1",
    "mlv-export 1",
    "mlv-preflight 1",
    "mlv-reproduction 1",
    "mlv-rollback-plan 1",
    "mlv-rollback 1",
    "mlv-undo 1",
    "mlv-operations 1",
    "mlv-recovered 1",
    "mlv-gc 1",
    "mlv-fsck 1",
]
"""Every kind of JSON that a command prints."""

_SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_KIBI = 1024
_MINUTE_S = 60
_ELLIPSIS = "…"
_GAP = 2
_HEADER_PADDING = 2  # by tabulate
_LEAST_CELL = 8

LONGEST_NAME = 60
LONGEST_VALUE = 200
"""So many characters of a name or a value are shown in text."""


def print_json(schema: JsonSchema, **parts: object) -> None:
    """Print a result as JSON; NaN and infinities as text, as in records.

    Args:
        schema: Name and version of what is printed; docs/reference/json.md describes it.
        parts: Its members.
    """
    members = {"schema": schema, **parts}
    plain = msgspec.to_builtins(members, str_keys=True, enc_hook=os.fspath)
    typer.echo(msgspec.json.format(msgspec.json.encode(_finite(plain)), indent=2).decode())


def fields_of(struct: msgspec.Struct) -> dict[str, object]:
    """Return the fields of a result by name, as members for `print_json`."""
    return msgspec.structs.asdict(struct)


def format_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    table_format: TableFormat = "table",
    *,
    indent: int = 0,
) -> str:
    """Return a table; one for the terminal shortens cells, then drops columns, until it fits.

    Args:
        headers: Names of the columns.
        rows: The lines.
        table_format: How to write it.
        indent: How many columns of the terminal the caller puts before each line.
    """
    if table_format == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([headers, *rows])
        return text.getvalue().rstrip("\n")
    if table_format == "md":
        cells = [[cell.replace("|", "\\|") for cell in row] for row in (headers, *rows)]
        lines = ["| " + " | ".join(row) + " |" for row in cells]
        return "\n".join([lines[0], "|" + " --- |" * len(headers), *lines[1:]])
    return _plain_table(headers, rows, indent)


def format_number(number: float | None) -> str:
    """Return a number in at most six significant digits.

    >>> format_number(0.96444444), format_number(12), format_number(None)
    ('0.964444', '12', '-')
    """
    if number is None:
        return "-"
    return str(number) if isinstance(number, int) else f"{number:.6g}"


def format_value(value: object) -> str:
    """Return a param as people write it."""
    if value is None or isinstance(value, (bool, list, dict)):
        return msgspec.json.encode(value).decode()
    return format_number(value) if isinstance(value, float) else str(value)


def format_param(value: object) -> str:
    """Return a param as people write it; a float never looks like a whole number.

    >>> format_param(1.0), format_param(1), format_param(1e-5)
    ('1.0', '1', '1e-05')
    """
    text = format_value(value)
    return f"{text}.0" if isinstance(value, float) and text.lstrip("-").isdigit() else text


def show_text(text: str, longest: int | None = None) -> str:
    r"""Return a text on one line, shortened, with escapes for what a terminal would act on.

    >>> show_text("abcdef", 4), print(show_text("a\nb"))
    a\nb
    ('abc…', None)
    """
    if not text.isprintable():
        letters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        text = "".join(letters)
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}{_ELLIPSIS}"


def format_size(size_bytes: int) -> str:
    """Return a size in binary units.

    >>> format_size(512), format_size(1536)
    ('512 B', '1.5 KiB')
    """
    size = float(size_bytes)
    for unit in _SIZE_UNITS:
        if size < _KIBI or unit == _SIZE_UNITS[-1]:
            break
        size /= _KIBI
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def format_duration(duration_s: float | None) -> str:
    """Return a duration in the two units that matter."""
    if duration_s is None:
        return "-"
    if duration_s < _MINUTE_S:
        return f"{duration_s:.1f}s"
    minutes, seconds = divmod(round(duration_s), _MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"


def format_time(moment: datetime) -> str:
    """Return a moment in the time zone of the person."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def format_age(moment: datetime) -> str:
    """Return how long ago a moment was."""
    age_s = max(0, (datetime.now(timezone.utc) - moment).total_seconds())
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age_s >= seconds:
            return f"{age_s / seconds:.0f} {unit} ago"
    return f"{age_s:.0f} s ago"


def terminal_width() -> int | None:
    """Return the width to fit tables into, None when the output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def measure_columns(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how wide the columns of a table are."""
    headed = [" " * _HEADER_PADDING + each for each in headers]
    return [max(len(row[i]) for row in (headed, *rows)) for i in range(len(headers))]


def width_of(widths: Sequence[int]) -> int:
    """Return how wide a table with such columns is."""
    return sum(widths) + _GAP * (len(widths) - 1)


def _plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]], indent: int) -> str:
    from tabulate import tabulate

    cells = [list(headers), *(list(row) for row in rows)]
    width = terminal_width()
    if width is not None:
        cells = _fit(cells, measure_columns(headers, rows), width - indent)
    return tabulate(cells[1:], headers=cells[0], tablefmt="plain", disable_numparse=True)


def _fit(cells: list[list[str]], widths: list[int], width: int) -> list[list[str]]:
    """Return lines that are no wider than a terminal: the widest columns are cut first."""
    while width_of(widths) > width:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] > _LEAST_CELL:
            widths[widest] -= 1
        elif len(widths) > 1:
            widths.pop()
            widths[-1] = len(_ELLIPSIS) + _HEADER_PADDING
            cells = [[*row[: len(widths) - 1], _ELLIPSIS] for row in cells]
        else:
            break
    heads = [width - _HEADER_PADDING for width in widths]
    return [
        [show_text(cell, most) for cell, most in zip(row, limits, strict=True)]
        for row, limits in zip(cells, [heads, *[widths] * (len(cells) - 1)], strict=True)
    ]


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
