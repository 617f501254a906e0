"""Series: from the journal and other places into the record, and out again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import pandas as pd
import pytest

from mlv.app.live_run import LiveRun
from mlv.app.look.exporting import find_series
from mlv.app.look.series_frame import series_frame
from mlv.app.record.series import load_series, microseconds_of, read_series
from mlv.capture.journal.points import Points, as_lists, list_of_numbers
from mlv.capture.journal.writer import JournalWriter
from mlv.core.run import Metric, Run
from mlv.errors import NotPossibleError
from tests.integration.app.live_runs import begin, lose, seal
from tests.support.repository import Repository
from tests.unit.capture.event_files import scalar_event, version_event, write_events

MANY = 1_001


def _writer(live: LiveRun) -> JournalWriter:
    return JournalWriter(str(live.directory))


def _record(repo: Repository, name: str, values: Mapping[int, float], **resume: object) -> Run:
    """Record a run that logged one series, `loss`."""
    live = begin(repo, name)
    writer = _writer(live)
    if resume:
        writer.resume(**resume)  # type: ignore[arg-type]
    for step, value in values.items():
        writer.log({"loss": value}, step)
    writer.close()
    return seal(repo, live)


def _points(repo: Repository, run: Run, name: str = "loss") -> dict[int, float]:
    points = as_lists(load_series(repo.open(), run).series[name])
    assert len(set(points.steps)) == len(points.steps)
    return dict(zip(points.steps, points.values, strict=True))


def test_short_series_stay_in_the_record(repo: Repository) -> None:
    run = _record(repo, "a", {0: 1, 1: math.nan, 5: 0.5})

    series = run.series["loss"]
    assert dict(zip(series.steps, series.values, strict=True)) == {0: 1, 1: "nan", 5: 0.5}
    assert all(0 <= time_s < 60 for time_s in series.times_s)
    assert run.series_file is None
    assert read_series(repo.open(), run) == run.series


def test_long_series_go_into_a_file_and_come_back_exactly(repo: Repository) -> None:
    values = {step: 2**53 + step for step in range(MANY)}
    run = _record(repo, "a", values)

    assert run.series == {}
    assert _points(repo, run) == values
    assert run.metrics["loss"] == Metric(
        value=2**53 + 1000,
        source="api",
        n_values=MANY,
        step=1000,
        first=2**53,
        lowest=2**53,
        highest=2**53 + 1000,
        lowest_step=0,
        highest_step=1000,
    )


def test_times_are_the_same_inside_and_outside_of_the_record(repo: Repository) -> None:
    live = begin(repo, "a")
    writer = _writer(live)
    writer.log({"loss": 1}, 0)
    before = as_lists(find_series(repo.open(), "a", ())[0][1]).times_us
    writer.close()
    run = seal(repo, live)

    after = as_lists(load_series(repo.open(), run).series["loss"]).times_us
    assert before == after
    assert after[0] > microseconds_of(run.started_at)


def test_rewound_points_are_hidden_and_kept(repo: Repository) -> None:
    live = begin(repo, "a")
    writer = _writer(live)
    for step in range(4):
        writer.log({"loss": step}, step)
    writer.rewind(2)
    writer.log({"loss": 20}, 2)
    writer.close()
    run = seal(repo, live)

    assert _points(repo, run) == {0: 0, 1: 1, 2: 20}
    assert run.metrics["loss"].n_values == 3
    hidden = load_series(repo.open(), run).hidden["loss"]
    assert list_of_numbers(hidden.values) == [2, 3]


def test_resumed_run_begins_with_the_points_of_the_earlier_one(repo: Repository) -> None:
    first = _record(repo, "first", {0: 10, 1: 11, 2: 12, 3: 13})
    second = _record(repo, "second", {2: 22, 3: 23, 4: 24}, run="first")
    third = _record(repo, "third", {9: 39}, run=second.id, step=4)

    assert second.resumed == first.id
    assert _points(repo, second) == {0: 10, 1: 11, 2: 22, 3: 23, 4: 24}
    assert (second.metrics["loss"].n_values, second.metrics["loss"].first) == (5, 10)
    assert _points(repo, third) == {0: 10, 1: 11, 2: 22, 3: 23, 9: 39}


def test_resumed_run_keeps_series_that_only_the_earlier_one_has(repo: Repository) -> None:
    live = begin(repo, "first")
    writer = _writer(live)
    writer.log({"warmup": 1, "system/cpu_percent": 50}, 0)
    writer.close()
    seal(repo, live)

    run = _record(repo, "second", {5: 1}, run="first")

    assert _points(repo, run, "warmup") == {0: 1}
    assert (list(run.metrics), run.system) == (["loss", "warmup"], {})


@pytest.mark.parametrize("reference", ["nobody", "going-on"])
def test_resuming_from_what_has_no_record_is_a_problem(repo: Repository, reference: str) -> None:
    begin(repo, "going-on")

    run = _record(repo, "a", {5: 1}, run=reference)

    assert run.resumed is None
    assert _points(repo, run) == {5: 1}
    assert any(each.startswith("the points before those of this run") for each in run.problems)


def test_use_of_the_machine_is_no_metric(repo: Repository) -> None:
    live = begin(repo, "a")
    writer = _writer(live)
    writer.log({"loss": 1, "system/cpu_percent": 50}, 0)
    writer.log({"system/cpu_percent": 70}, 1)
    writer.close()
    run = seal(repo, live)

    assert list(run.metrics) == ["loss"]
    assert {name: each.highest for name, each in run.system.items()} == {"system/cpu_percent": 70}
    assert _points(repo, run, "system/cpu_percent") == {0: 50, 1: 70}


def test_tensorboard_scalars_are_series(repo: Repository) -> None:
    directory = repo.root / "runs"
    write_events(directory, scalar_event({"old": 1}, 0, time_s=1e9), name="old")
    live = begin(repo, "a", tensorboard=(directory,))
    moments = (time.time() + step for step in range(3))
    events = [scalar_event({"loss": 3 - n}, n, time_s=moment) for n, moment in enumerate(moments)]
    write_events(directory, version_event(), *events)
    write_events(directory / "val", scalar_event({"loss": 7}, 0))
    _writer(live).log({"val/loss": 8}, 0)
    run = seal(repo, live)

    assert _points(repo, run) == {0: 3, 1: 2, 2: 1}
    assert {name: each.source for name, each in run.metrics.items()} == {
        "loss": "runs",
        "val/loss": "api",
    }


def test_tensorboard_directory_without_events_is_a_problem(repo: Repository) -> None:
    run = seal(repo, begin(repo, "a", tensorboard=(repo.root / "runs",)))

    assert "the command logged no TensorBoard scalars in runs" in run.problems


def test_frame_has_a_row_for_each_point(repo: Repository) -> None:
    live = begin(repo, "a")
    writer = _writer(live)
    writer.log({"n": 2**60 + 1, "loss": 0.5}, 3)
    writer.log({"n": 2**60 + 2}, 4)
    writer.close()
    seal(repo, live)

    whole = series_frame(repo.open(), "a", ("n",))
    both = series_frame(repo.open(), "a", ())

    assert whole["value"].tolist() == [2**60 + 1, 2**60 + 2]
    assert whole["value"].dtype == "int64"
    assert str(whole["time"].dtype) == "datetime64[ns, UTC]"
    assert abs(whole["time"].iloc[0] - pd.Timestamp.now("UTC")) < pd.Timedelta("1min")
    assert both["series"].tolist() == ["loss", "n", "n"]
    assert both["step"].tolist() == [3, 3, 4]
    assert both["value"].tolist() == [0.5, 2**60 + 1, 2**60 + 2]


def test_frame_of_small_numbers_is_of_floats(repo: Repository) -> None:
    live = begin(repo, "a")
    _writer(live).log({"n": 2, "loss": 0.5}, 3)

    assert series_frame(repo.open(), "a", ())["value"].dtype == "float64"


def test_frame_of_a_run_without_series_is_empty(repo: Repository) -> None:
    repo.shell("true", name="a")

    frame = series_frame(repo.open(), "a", ())

    assert (list(frame.columns), len(frame)) == (["series", "step", "time", "value"], 0)


def test_series_of_a_lost_run_are_found(repo: Repository) -> None:
    live = begin(repo, "a")
    _writer(live).log({"loss": 1}, 3)
    lose(live)

    ((name, points),) = find_series(repo.open(), "a", ())

    assert (name, points.steps) == ("loss", [3])


def test_unknown_series_is_refused_with_the_nearest(repo: Repository) -> None:
    _record(repo, "a", {0: 1})

    with pytest.raises(NotPossibleError) as caught:
        find_series(repo.open(), "a", ("los",))

    assert (caught.value.message, caught.value.hint) == (
        "run 'a' has no series 'los'",
        "did you mean 'loss'?",
    )


def test_series_are_chosen_by_name_and_pattern(repo: Repository) -> None:
    live = begin(repo, "a")
    names = ("b", "a/x", "a/y", "system/cpu_percent", "[odd]")
    _writer(live).log(dict.fromkeys(names, 1), 0)

    def find(*names: str) -> list[str]:
        return [name for name, _ in find_series(repo.open(), "a", names)]

    assert find() == ["[odd]", "a/x", "a/y", "b"]
    assert find("b", "a/*", "a/x") == ["b", "a/x", "a/y"]
    assert find("[odd]", "system/*") == ["[odd]", "system/cpu_percent"]


def test_metrics_file_gives_series_without_times(repo: Repository) -> None:
    run = repo.shell("printf 'step,loss\\n0,1\\n5,0.5\\n' > m.csv", metrics=["m.csv"])

    assert as_lists(load_series(repo.open(), run).series["loss"]) == Points(
        steps=[0, 5], values=[1, 0.5]
    )
