"""Comparisons of timings with limits, as a table to read and as JSON to keep."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import msgspec
from tabulate import tabulate

from benchmarks.machine import Machine
from benchmarks.measure import Timing

SCHEMA = 1
"""Version of the JSON document; a change that breaks a reader raises it."""


class Quantity(Enum):
    """How a timing is compared with its baseline; always by the medians of the wall times."""

    DIFFERENCE_S = "seconds over the baseline"
    RATIO = "times the baseline"


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a case may cost, compared with the baseline."""

    case: str
    quantity: Quantity
    at_most: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Timings that were measured in turn; the first is the baseline of the others."""

    title: str
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


def value_of(timing: Timing, baseline: Timing, quantity: Quantity) -> float:
    """Compare a timing with its baseline."""
    if quantity is Quantity.RATIO:
        return timing.median_s / baseline.median_s
    return timing.median_s - baseline.median_s


def format_comparison(comparison: Comparison) -> str:
    """Return a comparison as a table with a title and one line a case."""
    table = tabulate(
        [_row(timing, comparison) for timing in comparison.timings],
        headers=["", "median", "min", "max", "cpu", "memory", "over", "ratio", "limit"],
        colalign=["left"] + ["right"] * 7 + ["left"],
        disable_numparse=True,
    )
    notes = "".join(f"{note}\n" for note in comparison.notes)
    return f"{comparison.title}\n\n{table}\n{notes}"


def save_report(report: Report, path: Path) -> None:
    """Write a report as indented JSON, replacing what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def _row(timing: Timing, comparison: Comparison) -> Sequence[str]:
    baseline = comparison.baseline
    ours = [
        _format_milliseconds(timing.median_s),
        _format_milliseconds(timing.min_s),
        _format_milliseconds(timing.max_s),
        _format_milliseconds(timing.median_cpu_s),
        f"{timing.peak_rss_bytes / 2**20:.0f} MiB",
    ]
    if timing is baseline:
        return [timing.name, *ours, "", "", ""]
    return [
        timing.name,
        *ours,
        _format_milliseconds(value_of(timing, baseline, Quantity.DIFFERENCE_S)),
        f"{value_of(timing, baseline, Quantity.RATIO):.2f}",
        ", ".join(
            _format_limit(limit, value_of(timing, baseline, limit.quantity))
            for limit in comparison.limits
            if limit.case == timing.name
        ),
    ]


def _format_milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _format_limit(limit: Limit, value: float) -> str:
    verdict = "holds" if value <= limit.at_most else "EXCEEDED"
    if limit.quantity is Quantity.RATIO:
        return f"{limit.at_most:g} x: {verdict}"
    return f"{_format_milliseconds(limit.at_most)} over: {verdict}"
