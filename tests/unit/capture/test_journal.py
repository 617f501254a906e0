from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from mlv.capture.journal.file import frame
from mlv.capture.journal.points import MANY, as_lists
from mlv.capture.journal.reader import Journal, Nested, Resumption, read_journal
from mlv.capture.journal.writer import JournalWriter


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


def test_whole_numbers_in_other_types_are_steps(writer: JournalWriter, tmp_path: Path) -> None:
    for step in (3.0, np.int64(4), np.float32(5), Decimal(6), -(2**63), 2**63 - 1):
        writer.log({"a": 1}, step)  # type: ignore[arg-type]

    steps = [3, 4, 5, 6, -(2**63), 2**63 - 1]
    assert _read(writer, tmp_path).series["a"].steps == steps


def test_times_are_microseconds_since_1970(writer: JournalWriter, tmp_path: Path) -> None:
    before_us = time.time_ns() // 1_000
    writer.log({"a": 1})

    (time_us,) = _read(writer, tmp_path).series["a"].times_us
    assert before_us <= time_us <= time.time_ns() // 1_000


def test_bad_values_are_counted_and_each_cause_is_told_once(
    writer: JournalWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.log({"a": "text", "b": 1, "c": [1, 2], "d": np.zeros(2)})
    for step in ("x", 2**70, 2.5, math.nan, math.inf):
        writer.log({"b": 2}, step=step)  # type: ignore[arg-type]
    writer.close()

    journal = _read(writer, tmp_path)
    assert {name: points.values for name, points in journal.series.items()} == {"b": [1]}
    assert writer.problems == 8
    assert [problem.partition(": ")[2].partition(":")[0] for problem in journal.problems] == [
        "metric 'a' at step 0",
        "metric 'c' at step 0",
        "metric 'd' at step 0",
        "step 'x'",
        f"step {2**70}",
        "step 2.5",
        "",
    ]
    assert journal.problems[-1] == "8 values in all were not logged"
    assert capsys.readouterr().err.count("\n") == 1


def test_causes_are_few_and_short(
    writer: JournalWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in range(3):
        writer.log({f"m{number}": "x" * 300 for number in range(30)}, step=step)
    writer.close()

    *causes, total = _read(writer, tmp_path).problems
    assert (len(causes), total) == (20, "90 values in all were not logged")
    assert {len(cause) for cause in causes} == {len("not logged: ") + 200 + len("...")}
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
        problems=("summary 'text' is no number, so it is not kept",),
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


def test_many_points_read_like_few(writer: JournalWriter, tmp_path: Path) -> None:
    values: list[float] = [2**53 + 1, *range(MANY), 0.5, math.inf, *range(10)]
    for step, value in enumerate(values):
        writer.log({"mixed": value, "whole": step, "real": step / 2}, step - 7)

    series = {name: as_lists(each) for name, each in _read(writer, tmp_path).series.items()}
    steps = list(range(-7, len(values) - 7))
    assert series["mixed"].values == values
    assert [type(value) for value in series["mixed"].values[:2]] == [int, int]
    assert series["whole"].values == list(range(len(values)))
    assert series["real"].values == [step / 2 for step in range(len(values))]
    assert series["real"].steps == series["mixed"].steps == steps


@pytest.mark.parametrize("n_points", [4, MANY])
def test_points_of_several_writers_are_merged_by_time(tmp_path: Path, n_points: int) -> None:
    writers = [JournalWriter(str(tmp_path)) for _ in range(2)]
    for step in range(n_points):
        writers[step % 2].log({"a": step}, step)
    for writer in writers:
        writer.close()

    points = as_lists(read_journal(tmp_path).series["a"])
    assert (points.steps, points.values) == (list(range(n_points)), list(range(n_points)))
    assert points.times_us == sorted(points.times_us)


def test_clock_that_goes_back_does_not_change_the_order(
    writer: JournalWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = JournalWriter(str(tmp_path))
    moments = iter((10, 20, 5, 30))
    with monkeypatch.context() as clock:
        for each in (writer, writer, writer, other):
            now_ns = next(moments) * 10**9
            clock.setattr(time, "time_ns", lambda now_ns=now_ns: now_ns)
            each.log({"a": now_ns})
    other.close()

    seconds = [value // 10**9 for value in _read(writer, tmp_path).series["a"].values]
    assert seconds == [10, 20, 5, 30]


def test_rewind_hides_later_steps_that_were_logged_before(
    writer: JournalWriter, tmp_path: Path
) -> None:
    other = JournalWriter(str(tmp_path))
    for step in range(5):
        writer.log({"a": step}, step)
        other.log({"b": step}, step)
    other.flush()
    writer.rewind(3)
    writer.log({"a": 30})
    writer.log({"a": 40})
    other.log({"b": 50}, 5)
    other.close()

    journal = _read(writer, tmp_path)
    shown = {name: as_lists(each) for name, each in journal.series.items()}
    hidden = {name: as_lists(each) for name, each in journal.hidden.items()}
    assert (shown["a"].steps, shown["a"].values) == ([0, 1, 2, 3, 4], [0, 1, 2, 30, 40])
    assert (shown["b"].steps, shown["b"].values) == ([0, 1, 2, 5], [0, 1, 2, 50])
    assert {name: each.values for name, each in hidden.items()} == {"a": [3, 4], "b": [3, 4]}


def test_series_that_is_not_logged_again_is_hidden_as_a_whole(
    writer: JournalWriter, tmp_path: Path
) -> None:
    writer.log({"a": 1}, 5)
    writer.rewind(0)

    journal = _read(writer, tmp_path)
    assert (list(journal.series), list(journal.hidden)) == ([], ["a"])


def test_rewind_to_nowhere_is_a_problem(writer: JournalWriter, tmp_path: Path) -> None:
    writer.rewind("x")  # type: ignore[arg-type]

    assert _read(writer, tmp_path).problems[0].startswith("not logged: cannot go back to step 'x'")


def test_resumption_and_nesting_are_told(writer: JournalWriter, tmp_path: Path) -> None:
    writer.resume("01abc", 7)
    writer.log({"a": 1})
    writer._add_event("begin", {"name": "child", "parent": "01p", "time_ns": 5})  # noqa: SLF001
    writer._add_event("end", {"failed": True, "signal": 9, "time_ns": 8})  # noqa: SLF001

    journal = _read(writer, tmp_path)
    assert journal.series["a"].steps == [7]
    assert journal.resumption == Resumption(run="01abc", step=7)
    assert journal.nested == Nested(
        name="child", parent="01p", begun_ns=5, ended_ns=8, failed=True, signal=9
    )


def test_signal_handler_may_log_while_the_thread_logs(
    writer: JournalWriter, tmp_path: Path
) -> None:
    def log_too(*_: object) -> None:
        writer.log({"handler": 1}, 0)
        writer.flush()

    class Interrupted(dict[str, float]):
        """A mapping in the middle of which a signal comes."""

        def items(self) -> list[tuple[str, float]]:  # type: ignore[override]
            os.kill(os.getpid(), signal.SIGUSR1)
            return [("thread", 1), ("thread", 2)]

    before = signal.signal(signal.SIGUSR1, log_too)
    try:
        for _ in range(20):
            writer.log(Interrupted())
    finally:
        signal.signal(signal.SIGUSR1, before)

    series = _read(writer, tmp_path).series
    assert series["thread"].values == [1, 2] * 20
    assert series["handler"].values == [1] * 20


def test_journal_of_another_version_is_not_read(writer: JournalWriter, tmp_path: Path) -> None:
    writer.log({"a": 1})
    writer.flush()
    (path,) = (tmp_path / "series").iterdir()
    payload = b'H{"format": "mlv-journal 2"}'
    path.write_bytes(frame(payload) + path.read_bytes())

    journal = read_journal(tmp_path)
    assert journal.series == {}
    assert journal.problems == (
        f"{path.name} was logged by another version of mlv, and is not read",
    )
