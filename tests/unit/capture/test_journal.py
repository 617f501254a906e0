from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlv.capture.journal import JournalWriter
from mlv.capture.journal_reader import Journal, read_journal


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter(str(tmp_path))
    yield writer
    writer.close()


def _read(writer: JournalWriter, tmp_path: Path) -> Journal:
    writer.flush()
    return read_journal(tmp_path)


def test_journal_of_nothing_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path) == Journal()


def test_step_counts_up_from_the_last(writer: JournalWriter, tmp_path: Path) -> None:
    for step in (None, None, 10, None):
        writer.log({"a": 0.5}, step)

    assert _read(writer, tmp_path).series["a"].steps == [0, 1, 10, 11]


def test_steps_in_any_order_are_kept_as_logged(writer: JournalWriter, tmp_path: Path) -> None:
    for step in (5, -3, 5, 2**40):
        writer.log({"a": step}, step)

    points = _read(writer, tmp_path).series["a"]
    assert (points.steps, points.values) == ([5, -3, 5, 2**40], [5, -3, 5, 2**40])


def test_numbers_of_every_kind_keep_their_value(writer: JournalWriter, tmp_path: Path) -> None:
    plain = [1, -(2**63), 2**63 - 1, 2**80, 0.1, math.inf, -math.inf, True]
    for value in (*plain, np.float32(0.5), np.int64(7), np.array(3.0), math.nan):
        writer.log({"a": value})

    *values, last = _read(writer, tmp_path).series["a"].values
    assert values == [1, -(2**63), 2**63 - 1, float(2**80), 0.1, math.inf, -math.inf, 1, 0.5, 7, 3]
    assert [type(value) for value in values[:5]] == [int, int, int, float, float]
    assert math.isnan(last)


def test_times_are_counted_from_the_given_moment(writer: JournalWriter, tmp_path: Path) -> None:
    writer.log({"a": 1})
    writer.flush()

    (absolute,) = read_journal(tmp_path).series["a"].times_s
    (relative,) = read_journal(tmp_path, since_ns=10**18).series["a"].times_s
    assert absolute - relative == pytest.approx(10**9)


def test_bad_values_are_counted_and_told_once(
    writer: JournalWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.log({"a": "text", "b": 1, "c": [1, 2], "d": np.zeros(2)})
    writer.log({"b": 2}, step="x")  # type: ignore[arg-type]
    writer.log({"b": 3}, step=2**70)

    journal = _read(writer, tmp_path)
    assert {name: points.values for name, points in journal.series.items()} == {"b": [1]}
    assert writer.problems == 5
    assert journal.problems == ("not logged: metric 'a' at step 0: 'text' is not a number",)
    assert capsys.readouterr().err.count("\n") == 1


def test_names_of_series_may_be_any_text(writer: JournalWriter, tmp_path: Path) -> None:
    names = ["train/loss", "größe", "a" * 1000, "", "\ud800"]
    writer.log(dict.fromkeys(names, 1.0))

    assert list(_read(writer, tmp_path).series) == [*names[:4], "\\ud800"]


def test_events_are_folded_in_order(writer: JournalWriter, tmp_path: Path) -> None:
    writer.log_params({"lr": 0.1, "model": {"depth": 3, "width": 8}})
    writer.log_params({"model": {"depth": 4}, "seed": np.int64(1), "path": Path("x")})
    writer.log_summary({"best": 0.9, "text": "no number"})
    writer.add_tags(["a", "b"])
    writer.add_tags(["b", "c"])
    writer.set_name("first")
    writer.set_name("second")
    writer.set_note("a note")
    writer.add_artifact("/data/model.pkl")

    assert read_journal(tmp_path) == Journal(
        params={"lr": 0.1, "model": {"depth": 4, "width": 8}, "seed": 1, "path": "x"},
        summary={"best": 0.9},
        tags=("a", "b", "c"),
        name="second",
        note="a note",
        artifacts=("/data/model.pkl",),
    )


def test_params_that_cannot_be_kept_do_not_raise(writer: JournalWriter, tmp_path: Path) -> None:
    loop: dict[str, object] = {}
    loop["self"] = loop

    writer.log_params(loop)

    assert read_journal(tmp_path).problems[0].startswith("not logged: params")


def test_torn_tail_is_left_out_and_told(writer: JournalWriter, tmp_path: Path) -> None:
    writer.log({"a": 1})
    writer.flush()
    writer.log({"a": 2})
    writer.flush()
    (path,) = (tmp_path / "series").iterdir()
    whole = path.read_bytes()

    lengths = set()
    journal = Journal()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        journal = read_journal(tmp_path)
        values = journal.series["a"].values if journal.series else []
        assert values == [1, 2][: len(values)]
        lengths.add(len(values))

    assert lengths == {0, 1}
    assert journal.problems == (f"the last 36 bytes logged in {path.name} are damaged",)


def test_flipped_bit_ends_the_file_there(writer: JournalWriter, tmp_path: Path) -> None:
    writer.log({"a": 1})
    writer.flush()
    writer.log({"a": 2})
    writer.flush()
    (path,) = (tmp_path / "series").iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    assert read_journal(tmp_path).series["a"].values == [1]


def test_closed_journal_opens_again(writer: JournalWriter, tmp_path: Path) -> None:
    writer.log({"a": 1})
    writer.close()
    writer.log({"a": 2})
    writer.close()

    assert read_journal(tmp_path).series["a"].values == [1, 2]
