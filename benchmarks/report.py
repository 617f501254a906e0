"""Comparisons of timings with limits, as a table to read and as JSON to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

import msgspec
from tabulate import tabulate

from benchmarks.machine import Machine
from benchmarks.measure import Timing
from benchmarks.units import format_duration, format_size

SCHEMA = 1
"""Version of the JSON document; a change that breaks a reader raises it."""


class Quantity(Enum):
    """What of a timing is limited; times are medians of the wall times."""

    DIFFERENCE_S = "seconds over the baseline"
    RATIO = "times the baseline"
    WALL_S = "seconds"
    MEMORY_BYTES = "bytes of memory"
    GROWTH_BYTES = "bytes that the store grows by"


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a case may cost."""

    case: str
    quantity: Quantity
    at_most: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Timings that were measured in turn; the first is the baseline of the others.

    Attributes:
        title: What was done.
        group: What it was done with, where several comparisons share that.
        timings: What it cost.
        limits: What it may cost.
        notes: What a reader should know besides.
    """

    title: str
    group: str = ""
    timings: tuple[Timing, ...]
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def baseline(self) -> Timing:
        """The timing that the others are compared with."""
        return self.timings[0]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one call of the benchmarks measured."""

    schema: int
    measured_at: str
    machine: Machine
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()


def value_of(timing: Timing, baseline: Timing, quantity: Quantity) -> float:
    """Return what a limit is held against; nothing of what was not measured."""
    match quantity:
        case Quantity.DIFFERENCE_S:
            return timing.median_s - baseline.median_s
        case Quantity.RATIO:
            return timing.median_s / baseline.median_s
        case Quantity.WALL_S:
            return timing.median_s
        case Quantity.MEMORY_BYTES:
            return timing.peak_tree_bytes or timing.peak_rss_bytes
        case Quantity.GROWTH_BYTES:
            return timing.median_growth_bytes or 0


def format_comparison(comparison: Comparison) -> str:
    """Return a comparison as a table with a title and one line a case."""
    columns = {
        name: cells
        for name, column in _COLUMNS.items()
        if any(cells := [column(timing, comparison) for timing in comparison.timings])
    }
    table = tabulate(
        [
            [timing.name, *cells]
            for timing, *cells in zip(comparison.timings, *columns.values(), strict=True)
        ],
        headers=["", *columns],
        colalign=["left", *("left" if name == "limit" else "right" for name in columns)],
        disable_numparse=True,
    )
    heading = f"{comparison.group}: {comparison.title}" if comparison.group else comparison.title
    notes = "".join(f"{note}\n" for note in comparison.notes)
    return f"{heading}\n\n{table}\n{notes}"


def format_value(value: float, quantity: Quantity) -> str:
    """Return a value, or the most that it may be, with its unit."""
    match quantity:
        case Quantity.DIFFERENCE_S:
            return f"{format_duration(value)} over"
        case Quantity.RATIO:
            return f"{value:.3g} x"
        case Quantity.WALL_S:
            return format_duration(value)
        case Quantity.MEMORY_BYTES:
            return f"{format_size(value)} of memory"
        case Quantity.GROWTH_BYTES:
            return f"{format_size(value)} of growth"


def save_report(report: Report, path: Path) -> None:
    """Write a report as indented JSON, replacing what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def load_report(path: Path) -> Report:
    """Read a report that was saved."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def _difference(timing: Timing, comparison: Comparison) -> str:
    if timing is comparison.baseline:
        return ""
    return format_duration(value_of(timing, comparison.baseline, Quantity.DIFFERENCE_S))


def _ratio(timing: Timing, comparison: Comparison) -> str:
    if timing is comparison.baseline:
        return ""
    return f"{value_of(timing, comparison.baseline, Quantity.RATIO):.2f}"


def _verdicts(timing: Timing, comparison: Comparison) -> str:
    return ", ".join(
        f"{format_value(limit.at_most, limit.quantity)}: {_verdict(limit, timing, comparison)}"
        for limit in comparison.limits
        if limit.case == timing.name
    )


def _verdict(limit: Limit, timing: Timing, comparison: Comparison) -> str:
    value = value_of(timing, comparison.baseline, limit.quantity)
    return "holds" if value <= limit.at_most else "EXCEEDED"


def _optional(value: float | None, form: Callable[[float], str]) -> str:
    return "" if value is None else form(value)


_COLUMNS: Mapping[str, Callable[[Timing, Comparison], str]] = {
    "median": lambda timing, _: format_duration(timing.median_s),
    "min": lambda timing, _: format_duration(timing.min_s),
    "max": lambda timing, _: format_duration(timing.max_s),
    "of it Git": lambda timing, _: _optional(timing.median_git_s, format_duration),
    "cpu": lambda timing, _: format_duration(timing.median_cpu_s),
    "memory": lambda timing, _: f"{timing.peak_rss_bytes / 2**20:.0f} MiB",
    "all processes": lambda timing, _: _optional(
        timing.peak_tree_bytes, lambda n_bytes: f"{n_bytes / 2**20:.0f} MiB"
    ),
    "growth": lambda timing, _: _optional(timing.median_growth_bytes, format_size),
    "over": _difference,
    "ratio": _ratio,
    "limit": _verdicts,
}
"""The columns of a table; one whose cells are all empty is left out."""
