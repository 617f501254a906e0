"""Figures of several tools, as rows of a table to read and as JSON to keep."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import msgspec

from benchmarks.machine import Machine
from benchmarks.units import format_duration, format_size

SCHEMA = 1
OWN = "mlv"
"""The tool that the limits are for, and that the others are compared with."""


class Unit(Enum):
    """What a figure counts."""

    SECONDS = "seconds"
    BYTES = "bytes"
    COUNT = "count"
    PER_SECOND = "a second"
    PERCENT = "percent"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one tool; nothing where it failed."""

    tool: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """Median of the samples; None where there are none."""
        return statistics.median(self.samples) if self.samples else None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity, measured of several tools in turn.

    Attributes:
        title: What was measured.
        unit: In which unit.
        figures: Of each tool, the own one first.
        at_most, at_least: The limit for the own tool.
        notes: What a reader should know besides.
    """

    title: str
    unit: Unit
    figures: tuple[Figure, ...]
    at_most: float | None = None
    at_least: float | None = None
    notes: tuple[str, ...] = ()


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured at one time, on one machine.

    Attributes:
        tools: Version of each tool by its name.
    """

    schema: int
    measured_at: str
    machine: Machine
    tools: dict[str, str]
    rows: tuple[Row, ...]


def format_section(report: TrainingReport) -> str:
    """Return the table of a report, with what it was measured on."""
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in report.tools.items())
    header = ["", OWN, "limit", *_others(report.rows)]
    measured = (
        f"Measured on {report.measured_at[:10]} on {machine.n_cores} cores of {machine.processor}"
        f" with {format_size(machine.memory_bytes)} of memory, on {machine.file_system}."
    )
    lines = [
        "",
        measured,
        f"With {versions}.",
        "",
        _format_line(header),
        "|---" * len(header) + "|",
        *(_format_line(format_row(row, header[3:])) for row in report.rows),
        "",
        *(f"- {note}" for note in dict.fromkeys(note for row in report.rows for note in row.notes)),
    ]
    return "\n".join([*lines, "", ""])


def format_row(row: Row, others: Sequence[str]) -> list[str]:
    """Return the cells of a row: title, own figure, limit, and each of the others."""
    medians = {figure.tool: figure.median for figure in row.figures}
    own = medians[OWN]
    return [
        row.title,
        "" if own is None else format_figure(own, row.unit),
        _format_limit(row, own),
        *(_compare(medians.get(name), own, row.unit) for name in others),
    ]


def format_figure(value: float, unit: Unit) -> str:
    """Return a figure with its unit."""
    match unit:
        case Unit.SECONDS:
            return format_duration(value)
        case Unit.BYTES:
            return format_size(value)
        case Unit.COUNT:
            return f"{value:.3g}"
        case Unit.PER_SECOND:
            return f"{value:,.0f}/s"
        case Unit.PERCENT:
            return f"{value:.1f} %"


def save_report(report: TrainingReport, path: Path) -> None:
    """Write a report as indented JSON, replacing what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def load_report(path: Path) -> TrainingReport:
    """Read a report that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=TrainingReport)


def _others(rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(figure.tool for row in rows for figure in row.figures)
    return [name for name in names if name != OWN]


def _format_limit(row: Row, own: float | None) -> str:
    if row.at_most is not None:
        words, holds = f"at most {format_figure(row.at_most, row.unit)}", (own or 0) <= row.at_most
    elif row.at_least is not None:
        words = f"at least {format_figure(row.at_least, row.unit)}"
        holds = (own or 0) >= row.at_least
    else:
        return ""
    return words if holds else f"{words}: missed"


def _compare(value: float | None, own: float | None, unit: Unit) -> str:
    if value is None:
        return ""
    ratio = f" ({value / own:.2g} x)" if own else ""
    return format_figure(value, unit) + ratio


def _format_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
