"""Measure the cases of the store that are asked for, and keep the figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from benchmarks.machine import describe_machine
from benchmarks.report import (
    SCHEMA,
    Comparison,
    Report,
    format_comparison,
    load_report,
    save_report,
)
from benchmarks.store.cases import CASES, StoreCase
from benchmarks.store.measuring import compare_store, find_lack_of_space
from benchmarks.store.tools import find_tools
from benchmarks.tables import format_section, replace_section

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "benchmarks.md"
RESULTS = Path(__file__).parent.parent / "results" / "store"

_NO_JOURNAL = (
    "warning: an ext4 without a journal makes files slowly for minutes after others were deleted,"
    " so these figures are worth little; name another file system with --directory"
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        cases: Names of cases; nothing means those that are measured by default.
        tools: Names of tools, the one that others are compared with first.
        n_rounds: How many samples of each to take.
        scale: How many times the usual amount of data.
        directory: Where it is measured; empty.
    """

    cases: tuple[str, ...]
    tools: tuple[str, ...]
    n_rounds: int
    scale: float
    directory: Path


def measure_store(request: Request, path: Path) -> None:
    """Measure, print tables, and write the figures after each case.

    Figures of other data sets that the file holds are kept, if the same machine measured them.

    Raises:
        RuntimeError: mlv failed; the message holds what it wrote.
    """
    choice = find_tools(request.tools)
    notes = (*(f"{tool.name} {tool.version}".strip() for tool in choice.tools), *choice.missing)
    machine = describe_machine(request.directory)
    print(f"on {machine.file_system}; {', '.join(notes)}", flush=True)
    if machine.file_system and machine.file_system.has_journal is False:
        print(_NO_JOURNAL, flush=True)
    report = Report(
        schema=SCHEMA,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=machine,
        comparisons=(),
        notes=notes,
    )
    for case in _select(request):
        lack = find_lack_of_space(case, request.directory)
        if lack:
            print(f"{case.name}: left out, it {lack}\n", flush=True)
            continue
        for comparison in compare_store(
            case, choice.tools, request.directory, n_rounds=request.n_rounds
        ):
            print(format_comparison(comparison), flush=True)
            report = _add(report, comparison)
        save_report(_merge(report, path), path)
    print(f"written to {path}")


def update_page(path: Path) -> None:
    """Put the tables of a saved report into the documentation."""
    PAGE.write_text(replace_section(PAGE.read_text(), format_section(load_report(path))))
    print(f"tables written to {PAGE}")


def _select(request: Request) -> Sequence[StoreCase]:
    chosen = [
        case
        for case in CASES
        if case.name in request.cases or (not request.cases and case.by_default)
    ]
    return [case.scaled(request.scale) for case in chosen]


def _add(report: Report, comparison: Comparison) -> Report:
    return msgspec.structs.replace(report, comparisons=(*report.comparisons, comparison))


def _merge(report: Report, path: Path) -> Report:
    if not path.exists():
        return report
    saved = load_report(path)
    if saved.machine != report.machine:
        return report
    measured = {comparison.group for comparison in report.comparisons}
    kept = [each for each in saved.comparisons if each.group not in measured]
    order = {case.group: index for index, case in enumerate(CASES)}
    return msgspec.structs.replace(
        report,
        comparisons=tuple(
            sorted([*kept, *report.comparisons], key=lambda each: order.get(each.group, len(order)))
        ),
        notes=tuple(dict.fromkeys((*saved.notes, *report.notes))),
    )
