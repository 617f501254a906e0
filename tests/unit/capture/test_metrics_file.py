from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from mlv.capture.journal.points import Points, as_lists
from mlv.capture.metrics import table_file
from mlv.capture.metrics.metrics_file import FileMetrics, read_metrics_file
from mlv.errors import UnreadableFileError


def _read(tmp_path: Path, name: str, text: str) -> FileMetrics:
    (tmp_path / name).write_text(text)
    return read_metrics_file(tmp_path / name, name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"test": {"accuracy": 0.9, "n": 360}, "model": "svm", "ok": true}'),
        ("m.yaml", "test: {accuracy: 0.9, n: 360}\nmodel: svm\nok: true\n"),
    ],
)
def test_document_gives_its_numbers_under_dotted_names(
    tmp_path: Path, name: str, text: str
) -> None:
    expected = FileMetrics(values={"test.accuracy": 0.9, "test.n": 360}, series={})

    assert _read(tmp_path, name, text) == expected


def test_list_of_numbers_is_a_series(tmp_path: Path) -> None:
    found = _read(tmp_path, "m.json", '{"loss": [3, 2.5, 1], "classes": ["a"], "none": []}')

    series = {"loss": Points(steps=[0, 1, 2], values=[3, 2.5, 1])}
    assert found == FileMetrics(values={"loss": 1}, series=series)


def test_non_finite_numbers_are_numbers(tmp_path: Path) -> None:
    found = _read(tmp_path, "m.json", '{"a": NaN, "b": Infinity, "c": "-inf"}').values

    assert math.isnan(found["a"])
    assert (found["b"], found["c"]) == (math.inf, -math.inf)


def test_empty_document_has_no_metrics(tmp_path: Path) -> None:
    assert _read(tmp_path, "m.yaml", "") == FileMetrics(values={}, series={})


CSV = "epoch,step,loss,acc,note\n0,10,0.5,,x\n0,20,nan,0.8,y\n1,30,1e-3,0.9,\n"
TSV = "Step\tepoch\tloss\tacc\n10\t0\t0.5\t\n20\t0\tNaN\t0.8\n30\t1\t.001\t0.9"
JSON_LINES = """\
{"step": 10, "epoch": 0, "loss": 0.5, "note": "x"}

{"step": 20, "epoch": 0, "loss": NaN, "acc": 0.8}
{"step": 30, "epoch": 1, "loss": 0.001, "acc": 0.9}
"""


@pytest.mark.parametrize(
    ("name", "text"), [("m.csv", CSV), ("m.tsv", TSV), ("m.jsonl", JSON_LINES)]
)
def test_table_gives_a_series_for_each_column(tmp_path: Path, name: str, text: str) -> None:
    found = _read(tmp_path, name, text)

    assert found.values == {"epoch": 1, "loss": 0.001, "acc": 0.9}
    assert found.series["acc"] == Points(steps=[20, 30], values=[0.8, 0.9])
    assert found.series["loss"].steps == [10, 20, 30]
    assert math.isnan(found.series["loss"].values[1])


def test_rows_are_counted_without_a_column_of_steps(tmp_path: Path) -> None:
    found = _read(tmp_path, "m.csv", "loss\n3\n2\n")

    assert found.series == {"loss": Points(steps=[0, 1], values=[3, 2])}


def test_empty_table_has_no_metrics(tmp_path: Path) -> None:
    assert _read(tmp_path, "m.csv", "") == FileMetrics(values={}, series={})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.json", '{"a": 1,}', "m.json:1:"),
        ("m.json", "[1]", "m.json:1:1: expected names and numbers at the top"),
        ("m.csv", "a,b\n1,2,3\n", "m.csv:2:1: 3 cells, but the header has 2"),
        ("m.csv", "a,a\n1,2\n", "m.csv:1:1: two columns are called 'a'"),
        ("m.csv", 'a,b\n"x"y,1\n', "m.csv:2:1: ',' expected after '\"'"),
        ("m.csv", "step,a\n0.5,1\n", "m.csv:2:1: 'step' must be a whole number, found 0.5"),
        ("m.csv", "step,a\nnan,1\n", "m.csv:2:1: 'step' must be a whole number, found nan"),
        ("m.jsonl", '{"a": 1}\n{"a"\n', "m.jsonl:2:5: Expecting ':' delimiter"),
        ("m.jsonl", "3\n", "m.jsonl:1:1: expected an object"),
        ("m.txt", "a", "m.txt: '.txt' is neither"),
    ],
)
def test_malformed_file_is_refused_with_the_place(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        _read(tmp_path, name, text)

    assert message in caught.value.message


def _large(header: str, rows: Iterable[str]) -> str:
    """Return a table of more than the MiB from which on it is read column by column."""
    text = "\n".join([header, *rows, ""])
    return text + "\n" * max(0, (1 << 20) + 1 - len(text))


def test_large_table_reads_like_a_small_one(tmp_path: Path) -> None:
    rows = [f"{n * 10}, {n / 4},{n if n % 2 else ''},x,{'nan' if n else '-inf'}" for n in range(50)]
    header = " step,loss, odd,note,odder"

    large = _read(tmp_path, "large.csv", _large(header, rows))
    small = _read(tmp_path, "small.csv", "\n".join([header, *rows]))

    assert large.values.keys() == small.values.keys() == {"loss", "odd", "odder"}
    for name in ("loss", "odd"):
        assert as_lists(large.series[name]) == small.series[name]
        assert large.values[name] == small.values[name]
    assert [type(value) for value in as_lists(large.series["odd"]).values] == [int] * 25
    assert math.isinf(large.series["odder"].values[0])
    assert math.isnan(large.values["odder"])


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("step,a", "0.5,1", "m.csv:2:1: 'step' must be a whole number, found 0.5"),
        ("step,a", "inf,1", "m.csv:2:1: 'step' must be a whole number, found inf"),
        ("a,b", "1,2,3", "m.csv:2:1: 3 cells, but the header has 2"),
        ("a,a", "1,2", "m.csv:1:1: two columns are called 'a'"),
    ],
)
def test_malformed_large_table_is_refused_with_the_place(
    tmp_path: Path, header: str, row: str, message: str
) -> None:
    with pytest.raises(UnreadableFileError, match=re.escape(message)):
        _read(tmp_path, "m.csv", _large(header, [row]))


def test_table_that_is_too_large_for_rows_has_to_be_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_file, "MAX_BYTES", 1000)

    with pytest.raises(UnreadableFileError, match=r"m\.csv: .*Expected 2 columns, got 3"):
        _read(tmp_path, "m.csv", _large("a,b", ["1,2,3"]))
