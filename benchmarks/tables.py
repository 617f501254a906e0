"""The tables of the store in the documentation, made from a saved report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import msgspec

from benchmarks.measure import Timing
from benchmarks.report import Comparison, Quantity, Report, value_of
from benchmarks.units import format_size

_BEGIN = "<!-- made by `python -m benchmarks {} --save NAME`; do not edit -->\n"
_END = "<!-- end of what is made -->\n"

_FEW_S = 10


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes one line of a table.

    Attributes:
        title: The first cell.
        quantity: What of the timings is shown.
        show: How a value is shown.
        ratios: Whether the others are compared with the baseline.
    """

    title: str
    quantity: Quantity
    show: Callable[[float], str]
    ratios: bool


def find_section(page: str, *, of: str = "store") -> str:
    """Return the part of a page that is made by one kind of benchmarks.

    Raises:
        ValueError: The page has no such part.
    """
    begin = _BEGIN.format(of)
    _, found, rest = page.partition(begin)
    section, end, _ = rest.partition(_END)
    if not found or not end:
        raise ValueError(f"no line {begin!r} before {_END!r}")
    return section


def replace_section(page: str, section: str, *, of: str = "store") -> str:
    """Return a page with another made part."""
    begin = _BEGIN.format(of)
    old = find_section(page, of=of)
    return page.replace(f"{begin}{old}{_END}", f"{begin}{section}{_END}")


def format_section(report: Report) -> str:
    """Return the tables of all data sets, each below a heading."""
    machine = report.machine
    measured = (
        f"Measured on {report.measured_at[:10]} on {machine.n_cores} cores of {machine.processor}"
        f" with {format_size(machine.memory_bytes)} of memory, on {machine.file_system}."
    )
    lines = ["", measured, f"With {', '.join(report.notes)}."]
    for group, comparisons in groupby(report.comparisons, key=lambda each: each.group):
        members = list(comparisons)
        n_rounds = len(members[0].baseline.samples)
        rounds = f"{n_rounds} round{'' if n_rounds == 1 else 's'}."
        lines += ["", f"### {group}", "", rounds, "", *_format_table(members)]
    return "\n".join([*lines, "", ""])


def _format_table(comparisons: Sequence[Comparison]) -> Iterator[str]:
    names = list(dict.fromkeys(each.name for one in comparisons for each in one.timings))
    header = ["", names[0], "at most", *names[1:]]
    yield _format_line(header)
    yield "|---" * len(header) + "|"
    for comparison in comparisons:
        for row in _rows_of(comparison):
            first, *others = [_cell(name, row, comparison) for name in names]
            yield _format_line([row.title, first, _at_most(row, comparison), *others])
    notes = dict.fromkeys(note for comparison in comparisons for note in comparison.notes)
    for note in notes:
        yield f"\n{note.splitlines()[0]}"


def _rows_of(comparison: Comparison) -> Iterator[Row]:
    limited = {limit.quantity for limit in comparison.limits}
    wall = Quantity.RATIO if Quantity.RATIO in limited else Quantity.WALL_S
    yield Row(title=comparison.title, quantity=wall, show=_format_seconds, ratios=True)
    if any(timing.median_growth_bytes is not None for timing in comparison.timings):
        yield Row(
            title=f"{comparison.title}: growth of the store",
            quantity=Quantity.GROWTH_BYTES,
            show=format_size,
            ratios=False,
        )
    if Quantity.MEMORY_BYTES in limited:
        yield Row(
            title=f"{comparison.title}: memory of all processes",
            quantity=Quantity.MEMORY_BYTES,
            show=format_size,
            ratios=False,
        )


def _cell(name: str, row: Row, comparison: Comparison) -> str:
    timing = next((each for each in comparison.timings if each.name == name), None)
    if timing is None or (
        row.quantity is Quantity.GROWTH_BYTES and timing.median_growth_bytes is None
    ):
        return ""
    shown = row.show(_shown_value(timing, row, comparison))
    if not row.ratios or timing is comparison.baseline:
        return shown
    return f"{shown} ({value_of(timing, comparison.baseline, Quantity.RATIO):.2g} x)"


def _shown_value(timing: Timing, row: Row, comparison: Comparison) -> float:
    return timing.median_s if row.ratios else value_of(timing, comparison.baseline, row.quantity)


def _at_most(row: Row, comparison: Comparison) -> str:
    for limit in comparison.limits:
        [timing] = [each for each in comparison.timings if each.name == limit.case]
        if limit.quantity is row.quantity:
            most = (
                f"{limit.at_most:g} x"
                if limit.quantity is Quantity.RATIO
                else row.show(limit.at_most)
            )
            value = value_of(timing, comparison.baseline, limit.quantity)
            return most if value <= limit.at_most else f"{most}: exceeded"
    return ""


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < _FEW_S else f"{seconds:.1f} s"


def _format_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
