"""The tables of the store are those that were measured, and say what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.file_system import FileSystem
from benchmarks.machine import Machine
from benchmarks.measure import Sample, Timing
from benchmarks.report import SCHEMA, Comparison, Limit, Quantity, Report, load_report, save_report
from benchmarks.store.data import (
    DataSet,
    append_mebibyte,
    change_one_file,
    change_one_percent,
    fingerprint,
    insert_kibibyte,
    size_of,
    write_data,
)
from benchmarks.store.session import PAGE, RESULTS
from benchmarks.tables import find_section, format_section, replace_section
from benchmarks.units import KIB, MIB

SMALL = DataSet(n_files=200, min_bytes=2 * KIB, max_bytes=6 * KIB)
LARGE = DataSet(n_files=1, min_bytes=MIB, max_bytes=MIB)


def _timing(name: str, wall_s: float, growth_bytes: int) -> Timing:
    sample = Sample(
        wall_s=wall_s,
        cpu_s=wall_s,
        peak_rss_bytes=100 * MIB,
        peak_tree_bytes=300 * MIB,
        growth_bytes=growth_bytes,
    )
    return Timing(name=name, samples=(sample,))


REPORT = Report(
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
        file_system=FileSystem(kind="ext4", has_journal=True),
    ),
    comparisons=(
        Comparison(
            group="one file of 4 GiB",
            title="track, cold",
            timings=(_timing("mlv", 2.0, MIB), _timing("dvc", 15.0, 4 * MIB)),
            limits=(
                Limit(case="mlv", quantity=Quantity.WALL_S, at_most=1.5),
                Limit(case="mlv", quantity=Quantity.MEMORY_BYTES, at_most=400 * MIB),
            ),
            notes=("failed: 'borg: track, cold' exited with 2:\nno space",),
        ),
    ),
    notes=("mlv 0.1.0", "restic: not found on PATH"),
)

SECTION = """
Measured on 2030-01-02 on 2 cores of a processor with 24 GiB of memory, on ext4 with a journal.
With mlv 0.1.0, restic: not found on PATH.

### one file of 4 GiB

1 round.

|  | mlv | at most | dvc |
|---|---|---|---|
| track, cold | 2.00 s | 1.50 s: exceeded | 15.0 s (7.5 x) |
| track, cold: growth of the store | 1 MiB |  | 4 MiB |
| track, cold: memory of all processes | 300 MiB | 400 MiB | 300 MiB |

failed: 'borg: track, cold' exited with 2:

"""


def test_page_shows_what_was_measured_last() -> None:
    newest = max(RESULTS.glob("*.json"), default=None)
    expected = format_section(load_report(newest)) if newest else ""
    assert find_section(PAGE.read_text()) == expected


def test_section_compares_all_tools_with_mlv() -> None:
    assert format_section(REPORT) == SECTION


def test_section_replaces_only_itself() -> None:
    page = PAGE.read_text()
    changed = replace_section(page, SECTION)
    assert find_section(changed) == SECTION
    assert replace_section(changed, find_section(page)) == page


def test_report_survives_saving(tmp_path: Path) -> None:
    save_report(REPORT, tmp_path / "results" / "report.json")
    assert load_report(tmp_path / "results" / "report.json") == REPORT


def test_data_is_always_the_same(tmp_path: Path) -> None:
    write_data(SMALL, tmp_path / "one")
    write_data(SMALL, tmp_path / "two")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert size_of([tmp_path / "one"]) == pytest.approx(200 * 4 * KIB, rel=0.1)


def test_changes_touch_as_many_files_as_they_say(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_data(SMALL, data)
    first = _contents(data)
    change_one_file(data)
    second = _contents(data)
    change_one_percent(data)
    third = _contents(data)
    assert sum(first[name] != second[name] for name in first) == 1
    assert sum(second[name] != third[name] for name in second) == 2
    assert first.keys() == third.keys()


def test_large_file_grows_at_the_end_and_in_the_middle(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_data(LARGE, data)
    [before] = _contents(data).values()
    append_mebibyte(data)
    [appended] = _contents(data).values()
    insert_kibibyte(data)
    [inserted] = _contents(data).values()
    assert appended[: len(before)] == before
    assert len(appended) == 2 * MIB
    assert inserted[:MIB] + inserted[MIB + KIB :] == appended


def _contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
