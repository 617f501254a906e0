"""The table of trackers is the one that was measured, and says what was measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.growth import Holding, count_holding
from benchmarks.machine import Machine
from benchmarks.tables import find_section, replace_section
from benchmarks.training.figures import (
    SCHEMA,
    Figure,
    Row,
    TrainingReport,
    Unit,
    format_section,
    load_report,
    save_report,
)
from benchmarks.training.session import PAGE, RESULTS

REPORT = TrainingReport(
    schema=SCHEMA,
    measured_at="2030-01-02T03:04:05+00:00",
    machine=Machine(
        system="Linux x86_64",
        processor="a processor",
        n_cores=2,
        memory_bytes=24 << 30,
        python="CPython 3.11.7",
        git="2.39.5",
        mlv="0.1.0",
    ),
    tools={"mlv": "0.1.0", "aim": "3.0"},
    rows=(
        Row(
            title="one trivial run",
            unit=Unit.SECONDS,
            figures=(
                Figure(tool="mlv", samples=(0.3, 0.5, 0.2)),
                Figure(tool="aim", samples=(1.5,)),
            ),
            at_most=0.4,
        ),
        Row(
            title="points",
            unit=Unit.PER_SECOND,
            figures=(Figure(tool="mlv", samples=(200_000.0,)),),
            at_least=300_000,
            notes=("Ten series.",),
        ),
    ),
)

SECTION = """
Measured on 2030-01-02 on 2 cores of a processor with 24 GiB of memory, on None.
With mlv 0.1.0, aim 3.0.

|  | mlv | limit | aim |
|---|---|---|---|
| one trivial run | 300.0 ms | at most 400.0 ms | 1500.0 ms (5 x) |
| points | 200,000/s | at least 300,000/s: missed |  |

- Ten series.

"""


def test_page_shows_what_was_measured_last() -> None:
    newest = max(RESULTS.glob("*.json"), default=None)
    expected = format_section(load_report(newest)) if newest else ""
    assert find_section(PAGE.read_text(), of="training") == expected


def test_section_compares_all_tools_with_mlv() -> None:
    assert format_section(REPORT) == SECTION


def test_section_leaves_that_of_the_store_alone() -> None:
    page = PAGE.read_text()
    changed = replace_section(page, SECTION, of="training")
    assert find_section(changed, of="training") == SECTION
    assert find_section(changed) == find_section(page)


def test_report_survives_saving(tmp_path: Path) -> None:
    save_report(REPORT, tmp_path / "results" / "report.json")
    assert load_report(tmp_path / "results" / "report.json") == REPORT


def test_holding_counts_files_of_all_places(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"123")
    (tmp_path / "a" / "b" / "two").write_bytes(b"45")
    (tmp_path / "three").write_bytes(b"6")
    places = [tmp_path / "a", tmp_path / "three", tmp_path / "missing"]
    assert count_holding(places) == Holding(n_files=3, n_bytes=6)
